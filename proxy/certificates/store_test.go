package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/config"
)

// TestChoice: a client gets the certificate for the name that it asks for.
func TestChoice(t *testing.T) {
	ca, root := newMaker(t, "ca"), t.TempDir()
	var dirs []string
	for name, i := range map[string]*issued{
		"1": ca.server("first.example", "Sip.First.example"),
		"2": ca.server("all.second.example", "*.second.example"),
		"3": ca.server("a.second.example"),
		"4": ca.issue(&x509.Certificate{DNSNames: []string{"old.example"}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}, newECDSA(t)),
	} {
		mount(t, filepath.Join(root, name), i.secret())
	}
	for _, name := range []string{"missing", "1", "2", "3", "4"} {
		dirs = append(dirs, filepath.Join(root, name))
	}
	s, _ := opened(t, config.ListenerTLS{Certificates: dirs})
	for asked, want := range map[string]string{
		"first.example":      "first.example",
		"sip.FIRST.example":  "first.example",
		"a.second.example":   "a.second.example", // itself before one for all names, though that comes first
		"b.second.example":   "all.second.example",
		"B.Second.example":   "all.second.example",
		"a.b.second.example": "first.example", // one label only
		"second.example":     "first.example",
		"old.example":        "old.example",
		"unknown.example":    "first.example",
		"":                   "first.example",
		"192.0.2.1":          "first.example",
	} {
		if got := served(t, s, asked); got != want {
			t.Errorf("who asks for %q gets %s, want %s", asked, got, want)
		}
	}
}

// TestKindOfKey: of two certificates for a name a client gets the one that it can use.
func TestKindOfKey(t *testing.T) {
	ca, root := newMaker(t, "ca"), t.TempDir()
	for name, i := range map[string]*issued{
		"1": ca.issue(&x509.Certificate{DNSNames: []string{"sip.example"}}, newECDSA(t)),
		"2": ca.issue(&x509.Certificate{DNSNames: []string{"sip.example"}}, newRSA(t)),
	} {
		mount(t, filepath.Join(root, name), i.secret())
	}
	s, _ := opened(t, config.ListenerTLS{Certificates: []string{filepath.Join(root, "1"), filepath.Join(root, "2")}})
	for _, name := range []string{"sip.example", ""} {
		for suite, want := range map[uint16]x509.PublicKeyAlgorithm{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: x509.RSA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: x509.ECDSA} {
			c, _, err := dial(t, s, &tls.Config{ServerName: name, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
			if err != nil {
				t.Fatalf("%q, %s: %v", name, tls.CipherSuiteName(suite), err)
			}
			if got := c.ConnectionState().PeerCertificates[0].PublicKeyAlgorithm; got != want {
				t.Errorf("%q, %s: %s", name, tls.CipherSuiteName(suite), got)
			}
		}
	}
}

func TestMinVersion(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir, newMaker(t, "ca").server("sip.example").secret())
	for least, tt := range map[string]map[uint16]bool{
		"":    {tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true},
		"1.3": {tls.VersionTLS11: false, tls.VersionTLS12: false, tls.VersionTLS13: true},
	} {
		s, _ := opened(t, config.ListenerTLS{Certificates: []string{dir}, MinVersion: least})
		for version, ok := range tt {
			_, _, err := dial(t, s, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version})
			if (err == nil) != ok {
				t.Errorf("%s with at least %q: %v", tls.VersionName(version), least, err)
			}
		}
	}
}

// TestFollowsSecrets: a Secret that has changed is in use within a second, without a poll,
// and no connection ends.
func TestFollowsSecrets(t *testing.T) {
	ca, dir := newMaker(t, "ca"), t.TempDir()
	mount(t, dir, ca.server("one.example").secret())
	s, _ := opened(t, config.ListenerTLS{Certificates: []string{dir}})
	client, server, err := dial(t, s, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"two.example", "three.example"} {
		mount(t, dir, ca.server(name).secret())
		until(t, name, time.Second, func() bool { return served(t, s, "") == name })
	}
	if err := exchange(client, server); err != nil {
		t.Errorf("the connection from before: %v", err)
	}
	if got := client.ConnectionState().PeerCertificates[0].DNSNames[0]; got != "one.example" {
		t.Errorf("it was shown %s", got)
	}
}

// TestFollowsFiles: so are files that are written over, the certificate first and then the
// key, in a directory that was not there.
func TestFollowsFiles(t *testing.T) {
	ca, dir := newMaker(t, "ca"), filepath.Join(t.TempDir(), "late")
	s := open(listenerOf("tls", config.ListenerTLS{Certificates: []string{dir}}), nil, nil, 10*time.Millisecond)
	defer s.Close()
	if got := served(t, s, "a.example"); got != errNone.Error() {
		t.Fatalf("without a certificate: %s", got)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.example", "two.example"} {
		i := ca.server(name)
		for _, file := range []string{certificateFile, keyFile} {
			if err := os.WriteFile(filepath.Join(dir, file), i.secret()[file], 0o600); err != nil {
				t.Fatal(err)
			}
		}
		until(t, name, patience, func() bool { return served(t, s, "") == name })
	}
}

// TestWhatCannotBeUsed: the last good one stays, whatever becomes of the files, and the
// fault is told, once.
func TestWhatCannotBeUsed(t *testing.T) {
	ca := newMaker(t, "ca")
	good, other := ca.server("good.example"), ca.server("other.example")
	for name, tt := range map[string]struct {
		secret map[string][]byte
		want   string
	}{
		"vanished":            {map[string][]byte{}, "no such file"},
		"no key":              {map[string][]byte{certificateFile: good.crt}, "tls.key"},
		"no certificate":      {map[string][]byte{keyFile: good.key}, "tls.crt"},
		"empty":               {map[string][]byte{certificateFile: nil, keyFile: nil}, "failed to find any PEM data"},
		"garbage":             {map[string][]byte{certificateFile: []byte("\x00\xff"), keyFile: good.key}, "failed to find any PEM data"},
		"garbage in PEM":      {map[string][]byte{certificateFile: pemOf("CERTIFICATE", []byte("no")), keyFile: good.key}, "tls.crt and tls.key"},
		"garbage behind":      {map[string][]byte{certificateFile: joined(other.crt, pemOf("CERTIFICATE", []byte("no"))), keyFile: good.key}, "private key does not match"},
		"the key of another":  {map[string][]byte{certificateFile: good.crt, keyFile: other.key}, "private key does not match"},
		"another's of a key":  {map[string][]byte{certificateFile: other.crt, keyFile: good.key}, "private key does not match"},
		"swapped":             {map[string][]byte{certificateFile: good.key, keyFile: good.crt}, "tls.crt and tls.key"},
		"more than a Secret":  {map[string][]byte{certificateFile: joined(good.crt, make([]byte, maxFile)), keyFile: good.key}, "more than 1048576 bytes"},
		"a directory instead": {nil, "no regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			mount(t, dir, good.secret())
			s, m := opened(t, config.ListenerTLS{Certificates: []string{dir}})
			if got := counts(t, m); got != (figures{loaded: 1, expires: s.Status()[0].Expires.Unix()}) {
				t.Errorf("at first: %+v", got)
			}
			spoil(t, dir, tt.secret)
			until(t, "the fault is told", patience, func() bool { return s.Status()[0].Fault != "" })
			s.read(false) // nothing new: it is not told again
			status := s.Status()[0]
			if !strings.Contains(status.Fault, tt.want) || status.Expires.IsZero() || status.Listener != "tls" || status.Certificate != dir {
				t.Errorf("%+v, want a fault with %q", status, tt.want)
			}
			if got := counts(t, m); got.failed < 1 || got.failed > 2 || got.loaded != 1 || got.failing != 1 || got.expires != status.Expires.Unix() {
				t.Errorf("%+v", got)
			}
			if got := served(t, s, "good.example"); got != "good.example" {
				t.Errorf("served is %s", got)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			mount(t, dir, other.secret())
			s.read(false) // a directory that went away took its notices with it: the poll is next
			if got := served(t, s, ""); got != "other.example" || s.Status()[0].Fault != "" || counts(t, m).failing != 0 {
				t.Errorf("mended, served is %s, %+v", got, s.Status()[0])
			}
		})
	}
}

// spoil puts what is wrong into a directory; nil: a directory in place of a file.
func spoil(t *testing.T, dir string, secret map[string][]byte) {
	t.Helper()
	if secret != nil {
		mount(t, dir, secret)
		return
	}
	if err := os.Remove(filepath.Join(dir, keyFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, keyFile), 0o755); err != nil {
		t.Fatal(err)
	}
}

// figures are the metrics of a Store with one certificate.
type figures struct {
	loaded, failed, failing float64
	expires                 int64
}

func counts(t *testing.T, m *Metrics) (f figures) {
	t.Helper()
	in := prometheus.NewPedanticRegistry()
	in.MustRegister(m)
	families, err := in.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, one := range family.Metric {
			value := one.GetCounter().GetValue() + one.GetGauge().GetValue()
			switch what := family.GetName() + "/" + one.Label[len(one.Label)-1].GetValue(); {
			case strings.HasSuffix(what, "reloads_total/loaded"):
				f.loaded += value
			case strings.HasSuffix(what, "reloads_total/failed"):
				f.failed += value
			case strings.Contains(what, "certificate_failing"):
				f.failing += value
			case strings.Contains(what, "expiry_timestamp"):
				f.expires += int64(value)
			}
		}
	}
	return f
}

// TestSeveralListeners: each has its own; a Secret may be of several, and have the
// authority too; without TLS there is nothing to follow.
func TestSeveralListeners(t *testing.T) {
	ca, dir := newMaker(t, "ca"), t.TempDir()
	secret := ca.server("a.example").secret()
	secret[authorityFile] = ca.pem()
	mount(t, dir, secret)
	shared := &config.ListenerTLS{Certificates: []string{dir}, ClientCA: dir, ClientAuth: config.ClientAuthOptional}
	c := &config.Config{Listeners: []config.Listener{{Name: "udp"}, {Name: "tls", Protocol: config.ProtocolTLS, TLS: shared}, {Name: "wss", Protocol: config.ProtocolWSS, TLS: &config.ListenerTLS{Certificates: []string{dir}}}}}
	c.ApplyDefaults()
	s := Open(c.Listeners, nil, nil)
	defer s.Close()
	var got []string
	for _, status := range s.Status() {
		got = append(got, status.Listener+" "+strings.TrimPrefix(status.Certificate, dir)+" "+status.Fault)
	}
	if diff := cmp.Diff([]string{"tls  ", "tls /ca.crt ", "wss  "}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if all := s.TLS(); len(all) != 2 || all["tls"] == nil || all["wss"] == nil {
		t.Errorf("%v", all)
	}
	none := Open(c.Listeners[:1], nil, nil)
	defer none.Close()
	if len(none.TLS())+len(none.Status()) != 0 {
		t.Error("UDP has certificates")
	}
}
