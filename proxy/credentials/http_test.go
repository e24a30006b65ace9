package credentials

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

// service is an HTTP source whose answers change.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	handle http.HandlerFunc
	bodies []string
	tokens []string
}

func newService(t *testing.T) *service {
	s := &service{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what was cut off differs
		s.mu.Lock()
		s.bodies = append(s.bodies, r.Method+" "+string(body))
		s.tokens = append(s.tokens, r.Header.Get("Authorization"))
		handle := s.handle
		s.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		handle(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are to fail
	s.answers(usersWithA)
	t.Cleanup(s.Close)
	return s
}

func (s *service) answers(handle http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handle = handle
}

// usersWithA answers for users whose names begin with a.
func usersWithA(w http.ResponseWriter, r *http.Request) {
	var a asked
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil || !strings.HasPrefix(a.Username, "a") {
		http.NotFound(w, r)
		return
	}
	_, _ = fmt.Fprintf(w, `{"ha1": {"MD5": %q, "SHA-256": %q}, "aors": ["sip:100@Example.com", "200@example.com"], "ttlSeconds": 60}`, md5Hash, sha256Hash)
}

// answer is what the Store says of a user once it has asked.
func answer(s Store, name string) (Answer, Credential) {
	got, c := look(s, name)
	if got == Ask || got == Found && c.Stale {
		done := make(chan struct{})
		s.Ask(&Query{Username: []byte(name), Realm: []byte("example.com"), Method: []byte("REGISTER"), Source: netip.MustParseAddr("192.0.2.1")}, func() { close(done) })
		<-done
		got, c = look(s, name)
	}
	return got, c
}

// openHTTPTest opens a Store that waits for so many seconds.
func openHTTPTest(t *testing.T, c *config.HTTPCredentials, timeout int) (Store, *Metrics) {
	return open(t, &config.Credentials{HTTP: c, TimeoutSeconds: timeout, MaxConcurrent: 4}, &journal{})
}

func TestHTTPAnswers(t *testing.T) {
	service := newService(t)
	service.Start()
	token := filepath.Join(t.TempDir(), "token")
	write(t, token, "one\n")
	s, m := openHTTPTest(t, &config.HTTPCredentials{URL: service.URL + "/users", BearerFile: token}, 20)
	got, c := answer(s, "alice")
	if got != Found || fmt.Sprintf("%x %x %v", c.MD5, c.SHA256, c.AORs) != md5Hash+" "+sha256Hash+" [sip:100@example.com sip:200@example.com]" {
		t.Errorf("%v, %+v", got, c)
	}
	if got, _ := answer(s, `b"'; DROP TABLE subscriber; -- ĳ *)(`); got != Unknown {
		t.Errorf("who is not there is %v", got)
	}
	write(t, token, "two")
	if got, _ := answer(s, "anna"); got != Found {
		t.Errorf("with another token %v", got)
	}
	want := []string{
		`POST {"username":"alice","realm":"example.com","method":"REGISTER","source":"192.0.2.1"}`,
		`POST {"username":"b\"'; DROP TABLE subscriber; -- ĳ *)(","realm":"example.com","method":"REGISTER","source":"192.0.2.1"}`,
		`POST {"username":"anna","realm":"example.com","method":"REGISTER","source":"192.0.2.1"}`,
	}
	if d := cmp.Diff(want, service.bodies) + cmp.Diff([]string{"Bearer one", "Bearer one", "Bearer two"}, service.tokens); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if value(m, "questions_total", "source", "http", "result", "found") != 2 || value(m, "questions_total", "source", "http", "result", "unknown") != 1 || value(m, "question_duration_seconds") != 3 {
		t.Error("questions are not counted")
	}
}

// TestHTTPFaults: whatever a service does, users that are known go on, others are Unavailable, in bounded time and space.
func TestHTTPFaults(t *testing.T) {
	for rule, c := range map[string]struct {
		handle http.HandlerFunc
		result string
	}{
		"it hangs": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "failed"},
		"it hangs in its answer": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"ha1":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "failed"},
		"500": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "failed"},
		"429": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, "failed"},
		"it resets": {func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
		}, "failed"},
		"a long header": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 64<<10)) }, "failed"},
		"401":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "invalid"},
		"204":           {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, "invalid"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "invalid"},
		"garbage": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "invalid"},
		"no hash": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }, "invalid"},
		"10 MB": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte(" "), 10<<20))
		}, "invalid"},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			service := newService(t)
			service.Start()
			s, m := openHTTPTest(t, &config.HTTPCredentials{URL: service.URL}, 2)
			if got, _ := answer(s, "alice"); got != Found {
				t.Fatalf("at first %v", got)
			}
			s.(*remote).missSome()
			service.answers(c.handle)
			begun := time.Now()
			for _, name := range []string{"a1", "a2", "a3", "a4"} {
				if got, _ := answer(s, name); got != Unavailable {
					t.Errorf("%s is %v", name, got)
				}
			}
			if got, c := answer(s, "alice"); got != Found || !c.Stale {
				t.Errorf("alice is %v, stale %v", got, c.Stale)
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("took %v", took)
			}
			if n := value(m, "questions_total", "source", "http", "result", c.result); n < 3 {
				t.Errorf("%v counted as %s", n, c.result)
			}
			service.answers(usersWithA)
			until(t, "the source is back", func() bool { got, _ := answer(s, "a1"); return got == Found })
			until(t, "alice is fresh", func() bool { got, c := answer(s, "alice"); return got == Found && !c.Stale })
		})
	}
}

// TestHTTPByMutualTLS: with files that are there later, and change.
func TestHTTPByMutualTLS(t *testing.T) {
	ca := newAuthority(t)
	service := newService(t)
	service.TLS = ca.serverTLS(t)
	service.StartTLS()
	dir := t.TempDir()
	c := &config.HTTPCredentials{
		URL: service.URL, CAFile: filepath.Join(dir, "ca.crt"), CertificateFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"),
	}
	s, _ := openHTTPTest(t, c, 20)
	if got, _ := answer(s, "alice"); got != Unavailable {
		t.Errorf("without files %v", got)
	}
	ca.write(t, c)
	until(t, "the files are used", func() bool { got, _ := answer(s, "alice"); return got == Found })
	other := newAuthority(t)
	other.write(t, c)
	if got, _ := answer(s, "anna"); got != Unavailable {
		t.Errorf("with those of another authority %v", got)
	}
	write(t, c.CAFile, "garbage")
	if got, _ := answer(s, "agnes"); got != Unavailable {
		t.Errorf("with garbage %v", got)
	}
	ca.write(t, c)
	until(t, "good files are used again", func() bool { got, _ := answer(s, "anna"); return got == Found })
}

func TestOpenRefuses(t *testing.T) {
	for rule, c := range map[string]config.Credentials{
		"nothing":                 {},
		"two":                     {Files: []string{"a"}, HTTP: &config.HTTPCredentials{URL: "http://a"}},
		"a URL of files":          {HTTP: &config.HTTPCredentials{URL: "file:///etc/passwd"}},
		"a URL without a host":    {HTTP: &config.HTTPCredentials{URL: "https:///x"}},
		"a key without more":      {HTTP: &config.HTTPCredentials{URL: "https://a", KeyFile: "k"}},
		"a database without more": {Postgres: &config.PostgresCredentials{}},
	} {
		if s, err := Open(&c, nil, nil); err == nil {
			_ = s.Close()
			t.Errorf("%s is taken", rule)
		}
	}
}

func TestParseAnswer(t *testing.T) {
	for rule, c := range map[string]struct{ body, want string }{
		"MD5":               {`{"ha1":{"MD5":"` + md5Hash + `"}}`, "true false [] 0s"},
		"SHA-256":           {`{"ha1":{"SHA-256":"` + sha256Hash + `","SHA-512-256":"x"},"more":1}`, "false true [] 0s"},
		"all":               {`{"ha1":{"MD5":"` + md5Hash + `","SHA-256":"` + sha256Hash + `"},"aors":["a@b","sip:a@B","tel:+1"],"ttlSeconds":7}`, "true true [sip:a@b tel:+1] 7s"},
		"a life of 0":       {`{"ha1":{"MD5":"` + md5Hash + `"},"ttlSeconds":0}`, "true false [] 1s"},
		"an endless life":   {`{"ha1":{"MD5":"` + md5Hash + `"},"ttlSeconds":9223372036854775807}`, "true false [] 24h0m0s"},
		"a life below 0":    {`{"ha1":{"MD5":"` + md5Hash + `"},"ttlSeconds":-1}`, "ttlSeconds is below 0"},
		"null":              {"null", "no hash"},
		"nothing":           {"", "not the JSON that it is to be"},
		"a list":            {"[]", "not the JSON that it is to be"},
		"two":               {`{"ha1":{"MD5":"` + md5Hash + `"}}{}`, "not the JSON that it is to be"},
		"a hash too long":   {`{"ha1":{"MD5":"` + sha256Hash + `"}}`, "a hash has 64 characters, not 32"},
		"no hexadecimal":    {`{"ha1":{"MD5":"` + strings.Repeat("x", 32) + `"}}`, "the hash is not hexadecimal"},
		"a bad address":     {`{"ha1":{"MD5":"` + md5Hash + `"},"aors":["x"]}`, "an address-of-record is not of the form user@domain, a SIP or a tel URI"},
		"64 KiB and a byte": {strings.Repeat(" ", maxAnswer+1), "more than 65536 bytes"},
	} {
		var got string
		if f, err := parseAnswer([]byte(c.body)); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(f.is.HasMD5, " ", f.is.HasSHA256, " ", f.is.AORs, " ", f.life)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", rule, got, c.want)
		}
	}
}

// FuzzAnswer: an answer that is taken is within bounds, and an error does not quote it.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"ha1":{"MD5":"` + md5Hash + `","SHA-256":"` + sha256Hash + `"},"aors":["sip:a@b","tel:+1"],"ttlSeconds":60}`))
	f.Add([]byte(`{"ha1":{"MD5":null},"aors":null,"ttlSeconds":1e3}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		found, err := parseAnswer(body)
		if err != nil {
			if len(err.Error()) > 100 {
				t.Fatal(err)
			}
			return
		}
		if !found.known || !found.is.HasMD5 && !found.is.HasSHA256 || len(found.is.AORs) > maxAORs || found.life < 0 || found.life > maxLife {
			t.Fatalf("%+v", found)
		}
		for _, aor := range found.is.AORs {
			if again, err := addAOR(nil, []byte(aor)); err != nil || again[0] != aor {
				t.Fatalf("%q again is %q, %v", aor, again, err)
			}
		}
	})
}

// TestReloadedKeepsWhatWasGood.
func TestReloadedKeepsWhatWasGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	builds := 0
	r := reloaded[string]{paths: []string{path}, build: func(contents [][]byte) (string, error) {
		builds++
		if text := string(contents[0]); text != "bad" {
			return text, nil
		}
		return "", errors.New("bad")
	}}
	if _, err := r.get(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file %v", err)
	}
	for i, c := range []struct{ write, want string }{{"bad", ""}, {"good", "good"}, {"bad", "good"}, {"new", "new"}, {strings.Repeat("x", maxSmall+1), "new"}} {
		write(t, path, c.write)
		for range 3 {
			if got, err := r.get(); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("%d: %q, %v", i, got, err)
			}
		}
	}
	if builds != 4 {
		t.Errorf("built %d times", builds)
	}
}
