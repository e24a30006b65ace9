package kubectl_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// adminPrograms are `sipring admin` in each pod: what its admin port says.
func adminPrograms(w *world) func(string, []string) (string, string, int) {
	paths := map[string]string{"status": "/v1/status", "events": "/v1/events", "metrics": "/metrics"}
	return func(pod string, command []string) (out, reason string, code int) {
		if len(command) != 4 || command[0] != "/sipring" || command[1] != "admin" {
			return "", "no such program", 127
		}
		ordinal := pod[len(pod)-1] - '0'
		if want := fmt.Sprintf("--address=10.0.0.%d:9090", ordinal+1); command[3] != want {
			return "", fmt.Sprintf("sipring: asked at %s, not %s\n", command[3], want), 1
		}
		answer, ok := w.proxies[pod+paths[command[2]]]
		if !ok {
			return "", "sipring: ask the admin port: connection refused\n", 1
		}
		text, err := json.Marshal(answer)
		if err != nil {
			panic(err)
		}
		return string(text), "", 0
	}
}

// TestOtherWay: where the API server's proxy does not get to the admin ports, for
// whatever reason, commands print what they print where it does.
func TestOtherWay(t *testing.T) {
	fails := func(code int, text string) func(http.ResponseWriter, *http.Request) {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(code)
			_, _ = io.WriteString(rw, text)
		}
	}
	ways := map[string]func(*world){
		"no right": func(w *world) { w.forbidden["pods/proxy"] = true },
		"unavailable": func(w *world) {
			w.unreached = func(rw http.ResponseWriter, _ *http.Request) {
				w.fail(rw, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "error trying to reach service: dial tcp 10.0.0.9:9090: connect: no route to host")
			}
		},
		"bad gateway":     func(w *world) { w.unreached = fails(http.StatusBadGateway, "a proxy in between") },
		"gateway timeout": func(w *world) { w.unreached = fails(http.StatusGatewayTimeout, "") },
		"internal error":  func(w *world) { w.unreached = fails(http.StatusInternalServerError, "") },
		"no page":         func(w *world) { w.unreached = fails(http.StatusNotFound, "404 page not found") },
		"cut off": func(w *world) {
			w.unreached = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		},
		"ends in the midst": func(w *world) {
			w.unreached = func(rw http.ResponseWriter, _ *http.Request) {
				rw.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(rw, "{")
			}
		},
		"no answer": func(w *world) {
			w.patience = 50 * time.Millisecond
			w.unreached = func(_ http.ResponseWriter, r *http.Request) {
				<-r.Context().Done()
			}
		},
	}
	for name, change := range ways {
		t.Run(name, func(t *testing.T) {
			for _, command := range []string{"status", "events", "explain"} {
				w := aWorld()
				w.programs = adminPrograms(w)
				change(w)
				out, complaints, err := w.kubectl(t, "", command)
				if err != nil || complaints != "" {
					t.Fatalf("%s: error %v, stderr %q", command, err, complaints)
				}
				golden(t, command, out)
				for _, asked := range w.proxied { // once, but for what the HTTP client does again
					if !strings.HasSuffix(asked, "/v1/status") {
						t.Errorf("%s asked the way that does not get there again: %v", command, w.proxied)
					}
				}
			}
		})
	}
}

// TestOtherWayNotNeeded: nothing runs in a pod whose admin port is reached.
func TestOtherWayNotNeeded(t *testing.T) {
	w := aWorld()
	w.programs = adminPrograms(w)
	for i := range w.pods {
		w.proxies[w.pods[i].Name+"/metrics"] = ""
	}
	w.proxies["voice-1/v1/status"] = strings.Repeat("x", 5<<20)
	w.proxies["voice-2/v1/status"] = "no JSON"
	out, _, err := w.kubectl(t, "", "status")
	if err != nil || len(w.ran) > 0 {
		t.Errorf("error %v, ran %q", err, w.ran)
	}
	for _, want := range []string{"voice-1 does not answer: its answer is longer than 4194304 bytes", "voice-2 does not answer: its answer cannot be read"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestNoWay: where neither way leads to a proxy, the error names both, and what failed.
func TestNoWay(t *testing.T) {
	tests := map[string]struct {
		programs func(string, []string) (string, string, int)
		change   func(*world)
		wants    []string
	}{
		"neither right": {change: func(w *world) { w.forbidden["pods/proxy"], w.forbidden["pods/exec"] = true, true }, wants: []string{
			`by pods/proxy: you lack the right to get pods/proxy in namespace "telephony"`, `by pods/exec: you lack the right to create pods/exec in namespace "telephony"`,
		}},
		"not reached, and no right": {change: func(w *world) { w.forbidden["pods/exec"] = true; clear(w.proxies) }, wants: []string{
			"voice-2 does not answer: by pods/proxy: the API server does not reach it: error trying to reach service", "by pods/exec: you lack the right to create pods/exec",
		}},
		"no right, and an older version": {programs: func(string, []string) (string, string, int) {
			return "", "sipring: unknown command \"admin\" for \"sipring\"\n", 1
		}, change: func(w *world) { w.forbidden["pods/proxy"] = true }, wants: []string{
			"voice-0 does not answer: by pods/proxy: you lack the right to get pods/proxy", "by pods/exec: its version of sipring has no subcommand admin: update the cluster",
		}},
		"nobody at the port": {change: func(w *world) { w.programs = adminPrograms(w); clear(w.proxies) }, wants: []string{
			"voice-0 does not answer: by pods/proxy: the API server does not reach it", "by pods/exec: ask the admin port: connection refused",
		}},
		"too long by the other way": {programs: func(string, []string) (string, string, int) {
			return strings.Repeat("x", 5<<20), "", 0
		}, change: func(w *world) { clear(w.proxies) }, wants: []string{"voice-0 does not answer: its answer is longer than 4194304 bytes"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			w.programs = tt.programs
			tt.change(w)
			out, _, err := w.kubectl(t, "", "status")
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.wants {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			if _, _, err := w.kubectl(t, "", "explain"); err == nil || !strings.Contains(err.Error(), tt.wants[0]) {
				t.Errorf("explain: error %v, want one with %q", err, tt.wants[0])
			}
		})
	}
}
