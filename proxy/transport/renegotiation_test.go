package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"net"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// overheard is a connection that keeps what went over it.
type overheard struct {
	net.Conn
	read, written bytes.Buffer
}

func (o *overheard) Read(b []byte) (int, error) {
	n, err := o.Conn.Read(b)
	o.read.Write(b[:n])
	return n, err
}

func (o *overheard) Write(b []byte) (int, error) {
	o.written.Write(b)
	return o.Conn.Write(b)
}

// keyBlock is what TLS 1.2 makes of a master secret (RFC 5246 5, 6.3).
func keyBlock(master, client, server []byte, size int) (block []byte) {
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, master)
		for _, p := range parts {
			_, _ = h.Write(p)
		}
		return h.Sum(nil)
	}
	seed := bytes.Join([][]byte{[]byte("key expansion"), server, client}, nil)
	for a := sum(seed); len(block) < size; a = sum(a) {
		block = append(block, sum(a, seed)...)
	}
	return block[:size]
}

// sealed is a handshake record of TLS 1.2 as a client sends it under
// ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (RFC 5288 3).
func sealed(t *testing.T, block []byte, sequence uint64, message []byte) []byte {
	t.Helper()
	key, salt := block[:16], block[32:36]
	c, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(c)
	if err != nil {
		t.Fatal(err)
	}
	number := binary.BigEndian.AppendUint64(nil, sequence)
	of := append(bytes.Clone(number), 22, 3, 3)
	of = binary.BigEndian.AppendUint16(of, uint16(len(message)))
	text := gcm.Seal(number, append(bytes.Clone(salt), number...), message, of)
	return append(binary.BigEndian.AppendUint16([]byte{22, 3, 3}, uint16(len(text))), text...)
}

// A client of TLS 1.2 that begins another handshake over its connection is told that this is
// not done, and the connection is over; others notice nothing.
func TestRFC5246_7_4_1_Renegotiation(t *testing.T) {
	h := streamStack(t, overTLS(t))
	other := h.dialTLS(flow.TLS)
	tcp, err := net.Dial("tcp", h.stack.AddressOf(flow.TLS, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	raw, secrets := &overheard{Conn: tcp}, bytes.Buffer{}
	config := testIdentity(t).client.Clone()
	config.MaxVersion, config.CipherSuites, config.KeyLogWriter = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, &secrets
	c := tls.Client(raw, config)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	p := newPhone(t, c)
	p.write(options("echo", ""))
	p.reads(options("echo", ""))
	fields := strings.Fields(secrets.String()) // CLIENT_RANDOM, that, and the master secret
	master, err := hex.DecodeString(fields[2])
	if err != nil {
		t.Fatal(err)
	}
	const header, randomAt = 5, 4 + 2 // of a record; in a hello
	first := raw.written.Bytes()
	hello := first[header : header+int(binary.BigEndian.Uint16(first[3:]))]
	answer := raw.read.Bytes()[header:]
	block := keyBlock(master, hello[randomAt:randomAt+32], answer[randomAt:randomAt+32], 40)
	const sequence = 2 // after Finished, and the message
	if _, err := tcp.Write(sealed(t, block, sequence, hello)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "remote error: tls: unexpected message") {
		t.Errorf("told %v", err)
	}
	h.ends(closedGarbage)
	upTo(t, "counted", func() bool { return h.closes(closedGarbage) == 1 })
	other.write(options("echo", ""))
	other.reads(options("echo", ""))
}
