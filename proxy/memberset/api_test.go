package memberset

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/sipring/sipring/proxy/config"
)

// fakeAPI serves watches of one ConfigMap over HTTP/2, as the real one does:
// the object first, then its changes. It can be taken away.
type fakeAPI struct {
	server *httptest.Server

	mu      sync.Mutex
	object  *corev1.ConfigMap
	changed chan struct{}
	status  int    // other than 200: refuse
	end     bool   // end the watches
	fault   string // send this instead of events
	watches int
	query   string
	pass    chan struct{} // closed: answers go through
}

func newFakeAPI(t *testing.T) *fakeAPI {
	t.Helper()
	a := &fakeAPI{changed: make(chan struct{}), status: http.StatusOK, pass: make(chan struct{})}
	close(a.pass)
	a.server = httptest.NewUnstartedServer(http.HandlerFunc(a.serve))
	a.server.EnableHTTP2 = true
	a.server.StartTLS()
	t.Cleanup(func() {
		a.set(func() { a.end = true })
		a.server.CloseClientConnections()
		a.server.Close()
	})
	return a
}

// set changes the API's state and wakes the watches.
func (a *fakeAPI) set(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *fakeAPI) publish(text string) {
	a.set(func() {
		a.object = &corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: "ring-members", Namespace: "voice"}, Data: map[string]string{config.MembersKey: text},
		}
	})
}

func (a *fakeAPI) get(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (a *fakeAPI) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.watches++
	a.query = r.URL.Path + "?" + r.URL.Query().Get("fieldSelector") + "&" + r.URL.Query().Get("watch") + "&" + r.URL.Query().Get("resourceVersion")
	status, fault := a.status, a.fault
	a.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status != http.StatusOK {
		return
	}
	if fault != "" {
		_, _ = w.Write([]byte(fault))
		return
	}
	_ = http.NewResponseController(w).Flush()
	var sent *corev1.ConfigMap
	for {
		a.mu.Lock()
		object, changed, end := a.object, a.changed, a.end
		a.mu.Unlock()
		if end {
			return
		}
		if object != sent {
			kind := "MODIFIED"
			switch {
			case sent == nil:
				kind = "ADDED"
			case object == nil:
				kind, object = "DELETED", sent
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"type": kind, "object": object})
			_ = http.NewResponseController(w).Flush()
			sent = object
			if kind == "DELETED" {
				sent = nil
			}
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

func (a *fakeAPI) client(t *testing.T, address string, p patience) kubernetes.Interface {
	t.Helper()
	ca := encodePEM(a.server.Certificate().Raw)
	client, err := newClient(&rest.Config{Host: address, TLSClientConfig: rest.TLSClientConfig{CAData: ca, ServerName: "example.com"}}, p)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// quick makes a source that does not wait long between its attempts.
func (a *fakeAPI) source(t *testing.T, mounted string, log *journal) *ConfigMap {
	t.Helper()
	c := NewConfigMap(a.client(t, a.server.URL, defaultPatience()), "voice", "ring-members", mounted, nil, log.logger())
	c.backoff = backoff(time.Millisecond, 10*time.Millisecond)
	return c
}
