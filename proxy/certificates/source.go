package certificates

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// What the files of a directory are named, as in Secrets of type kubernetes.io/tls.
const (
	certificateFile = "tls.crt"
	keyFile         = "tls.key"
	authorityFile   = "ca.crt"
)

// source is a directory, and what was made of its files.
type source struct {
	name      string // the directory of a certificate, the file of an authority: they may share one
	directory string
	files     []string
	parse     func(contents [][]byte) (*material, error)

	sum     [sha256.Size]byte // of the contents that parse was given last; zero: none
	verdict error             // what it said
	good    *material         // the last that can be used; nil: none could
	fault   string            // why the files as they are cannot; empty: they are in use
}

// material is what can be used.
type material struct {
	pair    *tls.Certificate // of a certificate
	pool    *x509.CertPool   // of an authority
	names   []string
	expires time.Time
}

// result of a look at a directory.
type result uint8

const (
	unchanged result = iota
	loaded
	failed
)

func newPair(directory string) *source {
	return &source{name: directory, directory: directory, files: []string{certificateFile, keyFile}, parse: parsePair}
}

func newAuthority(directory string) *source {
	return &source{name: filepath.Join(directory, authorityFile), directory: directory, files: []string{authorityFile}, parse: parseAuthority}
}

// look reads the files. A fault is told once, until it is another.
func (s *source) look() result {
	contents, err := s.read()
	news := false
	if err == nil {
		if sum := sumOf(contents); sum != s.sum {
			s.sum = sum
			var m *material
			if m, s.verdict = s.parse(contents); s.verdict == nil {
				s.good, news = m, true
			}
		}
		err = s.verdict
	}
	before := s.fault
	s.fault = ""
	if err != nil {
		s.fault = err.Error()
	}
	switch {
	case err != nil && s.fault != before:
		return failed
	case err == nil && (news || before != ""):
		return loaded
	}
	return unchanged
}

// maxTries is how often files are read again that changed meanwhile.
const maxTries = 3

// read reads all files as they are at one moment: a certificate and the key of the next
// one are no pair.
func (s *source) read() ([][]byte, error) {
	var last [sha256.Size]byte
	for try := 0; ; try++ {
		var contents [][]byte
		for _, name := range s.files {
			content, err := readFile(filepath.Join(s.directory, name))
			if err != nil {
				return nil, err
			}
			contents = append(contents, content)
		}
		sum := sumOf(contents)
		if sum == s.sum || sum == last || try == maxTries {
			return contents, nil
		}
		last = sum
	}
}

// sumOf tells contents apart: keys need not be kept for it.
func sumOf(contents [][]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, c := range contents {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(c))))
		h.Write(c)
	}
	return [sha256.Size]byte(h.Sum(sum[:0]))
}

func parsePair(contents [][]byte) (*material, error) {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", certificateFile, keyFile, err)
	}
	return &material{pair: &pair, names: pair.Leaf.DNSNames, expires: pair.Leaf.NotAfter}, nil
}

func parseAuthority(contents [][]byte) (*material, error) {
	m := &material{pool: x509.NewCertPool()}
	for rest := contents[0]; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", authorityFile, err)
		}
		m.pool.AddCert(c)
		m.names = append(m.names, c.Subject.String())
		if c.NotAfter.After(m.expires) {
			m.expires = c.NotAfter
		}
	}
	if len(m.names) == 0 {
		return nil, errors.New(authorityFile + ": there is no certificate in it")
	}
	return m, nil
}
