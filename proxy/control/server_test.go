package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/control/answers"
	"github.com/sipring/sipring/proxy/location"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const long = 20 * time.Second

// known is a backend that knows one AOR.
type known struct {
	Backend
	wait chan struct{} // if not nil, bindings wait for it
	page *answers.Page
}

func (k known) Where(aor string) (*answers.Where, error) {
	switch aor {
	case "sip:bob@example.com":
		return &answers.Where{AOR: aor, Home: "m1", Replicas: []string{"m2"}}, nil
	case "sip:broken@example.com":
		return nil, errors.New("broken")
	}
	return nil, &Problem{http.StatusBadRequest, "not that one"}
}

func (k known) Bindings(ctx context.Context, _, _ string, _ int) (*answers.Page, error) {
	select {
	case <-k.wait:
		return k.page, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// start serves at a path of the test's.
func start(t *testing.T, b Backend) (*Server, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.sock")
	s, err := Start(path, b, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, path
}

func TestSocketIsItsOwners(t *testing.T) {
	s, path := start(t, known{})
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	w, err := NewClient(path).Where(t.Context(), "sip:bob@example.com")
	if err != nil || w.Home != "m1" {
		t.Errorf("%+v, %v", w, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := NewClient(path).Where(t.Context(), "sip:bob@example.com"); err == nil || !strings.Contains(err.Error(), "there is no socket at "+path) {
		t.Errorf("%v", err)
	}
}

// stale leaves a socket at the path as a process does that was killed.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
}

func TestStart(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(t *testing.T, path string)
		want   string // of the error; empty for none
	}{
		"nothing is there":    {func(*testing.T, string) {}, ""},
		"a stale socket":      {stale, ""},
		"a socket in use":     {func(t *testing.T, path string) { inUse(t, path) }, "another process listens there"},
		"a file":              {func(t *testing.T, path string) { write1(t, path) }, "no socket"},
		"a link to a file":    {linkToFile, "no socket"},
		"no such directory":   {func(t *testing.T, path string) { _ = os.Remove(filepath.Dir(path)) }, "no such file"},
		"a link to elsewhere": {func(t *testing.T, path string) { _ = os.Symlink("/dev/null", path) }, "no socket"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.sock")
			tt.before(t, path)
			s, err := Start(path, known{}, slog.New(slog.DiscardHandler))
			if err == nil {
				defer func() { _ = s.Close() }()
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			if err == nil {
				if _, err := NewClient(path).Where(t.Context(), "sip:bob@example.com"); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func inUse(t *testing.T, path string) {
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

func write1(t *testing.T, path string) {
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b, err := os.ReadFile(path); string(b) != "mine" {
			t.Errorf("the file is gone: %v", err)
		}
	})
}

func linkToFile(t *testing.T, path string) {
	write1(t, path+".file")
	if err := os.Symlink(path+".file", path); err != nil {
		t.Fatal(err)
	}
}

// TestCloseLeavesAnothersSocket: one that was put in the place of ours.
func TestCloseLeavesAnothersSocket(t *testing.T) {
	s, path := start(t, known{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	inUse(t, path)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// TestOtherUsersAreRefused though they got at the socket before its mode was set.
func TestOtherUsersAreRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	_, path := start(t, known{})
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	for dir := filepath.Dir(path); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for uid, want := range map[int]bool{65534: false, 0: true} {
		answered := make(chan bool)
		go func() {
			runtime.LockOSThread() // which ends with this goroutine
			answered <- asks(t, path, uid)
		}()
		if got := <-answered; got != want {
			t.Errorf("user %d is answered: %v", uid, got)
		}
	}
}

// asks connects as a user, in this thread alone, and reports whether it is answered.
func asks(t *testing.T, path string, uid int) bool {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Error(err)
		return false
	}
	defer func() { _ = syscall.Close(fd) }()
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)); errno != 0 {
		t.Error(errno)
		return false
	}
	if err := syscall.Connect(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Error(err)
		return false
	}
	_, _ = syscall.Write(fd, []byte("GET /v1/where?aor=sip:bob@example.com HTTP/1.0\r\n\r\n"))
	b := make([]byte, 64)
	n, _ := syscall.Read(fd, b)
	return strings.Contains(string(b[:max(n, 0)]), " 200 ")
}

// TestHostileRequests get a reason, in bounds.
func TestHostileRequests(t *testing.T) {
	_, path := start(t, known{})
	tooLong := strings.Repeat("a", location.MaxAOR+1)
	for name, tt := range map[string]struct {
		request string
		status  int
		reason  string
	}{
		"no AOR":           {"GET /v1/where", 400, "an address-of-record has 1 to"},
		"a long AOR":       {"GET /v1/where?aor=" + tooLong, 400, "an address-of-record has 1 to"},
		"not one of ours":  {"GET /v1/where?aor=x", 400, "not that one"},
		"a broken proxy":   {"GET /v1/where?aor=sip:broken@example.com", 500, "broken"},
		"a broken escape":  {"GET /v1/where?aor=%zz", 400, "cannot be read"},
		"a semicolon":      {"GET /v1/where?aor=a;b", 400, "cannot be read"},
		"a long pattern":   {"GET /v1/bindings?aor=" + strings.Repeat("*", MaxGlob+1), 400, "at most 256 bytes"},
		"no limit":         {"GET /v1/bindings?limit=0", 400, "from 1 to"},
		"a huge limit":     {"GET /v1/bindings?limit=99999999999999999999", 400, "from 1 to"},
		"a negative limit": {"GET /v1/bindings?limit=-1", 400, "from 1 to"},
		"no token":         {"GET /v1/bindings?after=%00", 400, "no token"},
		"an empty contact": {"POST /v1/unregister?aor=sip:bob@example.com&contact=", 400, "a contact has 1 to"},
		"a long contact":   {"POST /v1/unregister?aor=sip:bob@example.com&contact=" + tooLong, 400, "a contact has 1 to"},
		"a removal by GET": {"GET /v1/unregister?aor=sip:bob@example.com", 405, ""},
		"another method":   {"DELETE /v1/where?aor=sip:bob@example.com", 405, ""},
		"another path":     {"GET /metrics", 404, ""},
		"a long header":    {"GET /" + strings.Repeat("a", 64<<10), 431, ""},
	} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(long))
		_, _ = fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n", tt.request)
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		var p Problem
		if tt.reason != "" {
			if err := json.Unmarshal(b, &p); err != nil {
				t.Errorf("%s: %v: %s", name, err, b)
			}
		}
		if answer.StatusCode != tt.status || !strings.Contains(p.Reason, tt.reason) {
			t.Errorf("%s: %d %s, want %d %s", name, answer.StatusCode, b, tt.status, tt.reason)
		}
		_ = conn.Close()
	}
}

// TestConnectionsAndRequestsAreBounded: who is over a bound is told so, and there is room again once others have gone.
func TestConnectionsAndRequestsAreBounded(t *testing.T) {
	wait := make(chan struct{})
	s, path := start(t, known{wait: wait, page: &answers.Page{}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, maxRequests)
	for range maxRequests {
		go func() {
			_, err := NewClient(path).Bindings(ctx, "", "", 1)
			ended <- err
		}()
	}
	await(t, func() bool { return len(s.handler.turns) == maxRequests }) // or the question below takes the turn of one of them
	if _, err := NewClient(path).Where(t.Context(), "sip:bob@example.com"); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("one over the bound is told %v", err)
	}
	close(wait)
	for range maxRequests {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	var idle []net.Conn
	for range maxConnections + 4 {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	await(t, func() bool {
		_, err := NewClient(path).Where(t.Context(), "sip:bob@example.com")
		return err != nil && strings.Contains(err.Error(), "closed the connection")
	})
	for _, conn := range idle {
		_ = conn.Close()
	}
	await(t, func() bool {
		_, err := NewClient(path).Where(t.Context(), "sip:bob@example.com")
		return err == nil
	})
}

// TestAnswersAreBounded: what would be longer is a reason.
func TestAnswersAreBounded(t *testing.T) {
	wait := make(chan struct{})
	close(wait)
	_, path := start(t, known{wait: wait, page: &answers.Page{Items: []answers.Item{{AOR: strings.Repeat("a", maxAnswer)}}}})
	if _, err := NewClient(path).Bindings(t.Context(), "", "", 1); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
}

// TestCloseEndsWhatIsUnderWay and is not held up by who asks.
func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	s, path := start(t, known{wait: make(chan struct{})})
	ended := make(chan error)
	go func() {
		_, err := NewClient(path).Bindings(context.Background(), "", "", 1)
		ended <- err
	}()
	await(t, func() bool { return len(s.handler.turns) == 1 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("it was answered")
	}
}

func await(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(long); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never")
		}
	}
}

// TestClientExplains what is to be done about a socket that does not answer.
func TestClientExplains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.sock")
	ask := func() error {
		_, err := NewClient(path).Where(t.Context(), "sip:bob@example.com")
		return err
	}
	if err := ask(); !strings.Contains(err.Error(), "there is no socket at") {
		t.Errorf("%v", err)
	}
	stale(t, path)
	if err := ask(); !strings.Contains(err.Error(), "no proxy listens at") {
		t.Errorf("%v", err)
	}
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	go func() { _ = other.Serve(l) }()
	defer func() { _ = other.Close() }()
	if err := ask(); !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
}
