package command

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// askAdminAs runs the command, and returns what it prints.
func askAdminAs(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := Admin()
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors = true                 // as of the program
	cmd.SetArgs(append([]string{}, args...)) // not those of the test
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestAdmin: what a proxy's admin port says is printed as it is.
func TestAdmin(t *testing.T) {
	f := newFolder(t, 1)
	f.startAsked()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	at := net.JoinHostPort(f.set.Members[0].Address, "19090")
	for page, want := range map[string]string{"status": `"name": "m1"`, "events": `"kind": "ring_changed"`, "metrics": "\nsipring_proxy_ready 1\n"} {
		out, err := askAdminAs(t, page, "--address", at)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: error %v, no %q in\n%s", page, err, want, out)
		}
		if page != "metrics" && !json.Valid([]byte(out)) {
			t.Errorf("%s is no JSON:\n%s", page, out)
		}
	}
}

// TestAdminFails: what cannot be had is an error with its reason, and nothing is printed.
func TestAdminFails(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/status":
			http.Error(w, "not in\x1b time", http.StatusServiceUnavailable)
		case "/v1/events":
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
		default:
			_, _ = w.Write(bytes.Repeat([]byte("x"), adminAnswer+1))
		}
	}))
	defer s.Close()
	at := "--address=" + s.Listener.Addr().String()
	for name, tt := range map[string]struct {
		args []string
		want string
		code int
	}{
		"an error":    {[]string{"status", at}, "503 Service Unavailable: not in? time", 1},
		"elsewhere":   {[]string{"events", at}, "302 Found", 1},
		"too long":    {[]string{"metrics", at}, "more than 4194304 bytes", 1},
		"nobody":      {[]string{"status", "--address", "127.0.0.1:1"}, "connection refused", 1},
		"no page":     {[]string{"/v1/status", at}, "usage: admin status|events|metrics", 2},
		"none":        {nil, "usage: ", 2},
		"no address":  {[]string{"status", "--address", "a b"}, `"a b" is no host:port`, 2},
		"no such way": {[]string{"status", "--port", "1"}, "unknown flag", 2},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := askAdminAs(t, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) || ExitCode(err) != tt.code || out != "" {
				t.Errorf("error %v of code %d with output %q, want one with %q of code %d alone", err, ExitCode(err), out, tt.want, tt.code)
			}
		})
	}
}

// TestAdminAddress: in a pod the proxy is where the pod is.
func TestAdminAddress(t *testing.T) {
	for ip, want := range map[string]string{"": "127.0.0.1:9090", "10.0.0.1": "10.0.0.1:9090", "fd00::1": "[fd00::1]:9090"} {
		t.Setenv("POD_IP", ip)
		if got := Admin().Flag("address").DefValue; got != want {
			t.Errorf("POD_IP %q: asks %s, want %s", ip, got, want)
		}
	}
}
