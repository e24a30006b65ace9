package kubectl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/util/exec"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/kubectl"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// began is when the tests' clusters lose a member; commands run a minute later.
var began = time.Date(2026, 11, 27, 1, 2, 3, 456e6, time.UTC)

// world is an API server with what the commands ask it for, and the pods behind it.
type world struct {
	mu       sync.Mutex
	clusters []v1alpha1.SIPCluster
	pods     []corev1.Pod
	events   []corev1.Event
	// claim is the Lease of the operator that carries voice out; nil: there is none.
	claim *coordinationv1.Lease
	// proxies are the answers of pods' admin ports, by pod and path.
	proxies map[string]any
	// unreached is called instead of what answers by the API server's proxy to pods, where
	// that does not get to an admin port.
	unreached func(rw http.ResponseWriter, r *http.Request)
	// proxied is what was asked that way.
	proxied []string
	// forbidden resources, such as pods/proxy.
	forbidden map[string]bool
	// evict answers an eviction, with a code.
	evict func(pod string) int
	// looked is called when a pod is asked for by its name.
	looked func(pod string)
	// patched gets each patch of a SIPCluster.
	patched func(c *v1alpha1.SIPCluster, patch map[string]any)
	// stepped is called when somebody looks at a SIPCluster.
	stepped func(c *v1alpha1.SIPCluster)
	// programs answer what is run in a pod.
	programs func(pod string, command []string) (out, reason string, code int)
	ran      []string
	patience time.Duration
}

// list answers with a list of items.
func list[T any](kind, version string, items []T) any {
	return map[string]any{"kind": kind, "apiVersion": version, "metadata": map[string]any{}, "items": items}
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	namespace := ""
	rest := path[2:] // after api/v1
	if path[0] == "apis" {
		rest = path[3:]
	}
	if len(rest) > 2 && rest[0] == "namespaces" {
		namespace, rest = rest[1], rest[2:]
	}
	resource, name := rest[0], ""
	if len(rest) > 1 {
		name = rest[1]
	}
	if len(rest) > 2 {
		resource += "/" + rest[2]
	}
	if w.forbidden[resource] {
		w.fail(rw, http.StatusForbidden, metav1.StatusReasonForbidden, fmt.Sprintf("%s %q is forbidden: User \"eve\" cannot do that to resource %q in the namespace %q", rest[0], name, resource, namespace))
		return
	}
	switch resource {
	case "sipclusters":
		w.sipClusters(rw, r, namespace, name)
	case "pods":
		w.listPods(rw, r, namespace, name)
	case "pods/proxy":
		w.proxied = append(w.proxied, name+"/"+strings.Join(rest[3:], "/"))
		if w.unreached != nil {
			w.unreached(rw, r)
			return
		}
		w.proxy(rw, name, "/"+strings.Join(rest[3:], "/"))
	case "pods/eviction":
		w.eviction(rw, name)
	case "leases":
		if w.claim == nil || name != "voice-claim" {
			w.fail(rw, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("leases.coordination.k8s.io %q not found", name))
			return
		}
		reply(rw, http.StatusOK, w.claim)
	case "events":
		reply(rw, http.StatusOK, list("EventList", "v1", w.events))
	case "namespaces":
		var all []corev1.Namespace
		for _, n := range []string{"default", "telephony"} {
			all = append(all, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n}})
		}
		reply(rw, http.StatusOK, list("NamespaceList", "v1", all))
	default:
		w.fail(rw, http.StatusNotFound, metav1.StatusReasonNotFound, "no such path: "+r.URL.Path)
	}
}

func (w *world) sipClusters(rw http.ResponseWriter, r *http.Request, namespace, name string) {
	all := []v1alpha1.SIPCluster{}
	for i := range w.clusters {
		c := &w.clusters[i]
		c.TypeMeta = metav1.TypeMeta{Kind: v1alpha1.Kind, APIVersion: v1alpha1.GroupVersion.String()}
		if namespace != "" && c.Namespace != namespace {
			continue
		}
		if c.Name == name && r.Method == http.MethodPatch {
			patch := map[string]any{}
			_ = json.NewDecoder(r.Body).Decode(&patch)
			w.patched(c, patch)
		}
		if c.Name == name {
			if r.Method == http.MethodGet && w.stepped != nil {
				w.stepped(c)
			}
			reply(rw, http.StatusOK, c)
			return
		}
		all = append(all, *c)
	}
	if name != "" {
		w.fail(rw, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("sipclusters.sipring.io %q not found", name))
		return
	}
	reply(rw, http.StatusOK, list("SIPClusterList", v1alpha1.GroupVersion.String(), all))
}

func (w *world) listPods(rw http.ResponseWriter, r *http.Request, namespace, name string) {
	if name != "" && w.looked != nil {
		w.looked(name)
	}
	all := []corev1.Pod{}
	for _, p := range w.pods {
		if p.Namespace != namespace || !selects(r.URL.Query().Get("labelSelector"), p.Labels) {
			continue
		}
		p.TypeMeta = metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}
		if p.Name == name {
			reply(rw, http.StatusOK, p)
			return
		}
		all = append(all, p)
	}
	if name != "" {
		w.fail(rw, http.StatusNotFound, metav1.StatusReasonNotFound, fmt.Sprintf("pods %q not found", name))
		return
	}
	reply(rw, http.StatusOK, list("PodList", "v1", all))
}

// selects knows of selectors what the commands use.
func selects(selector string, labels map[string]string) bool {
	for term := range strings.SplitSeq(selector, ",") {
		key, value, equal := strings.Cut(term, "=")
		if got, ok := labels[key]; selector != "" && (!ok || equal && got != value) {
			return false
		}
	}
	return true
}

// proxy answers as the pod behind NAME of http:NAME:PORT does.
func (w *world) proxy(rw http.ResponseWriter, name, path string) {
	parts := strings.Split(name, ":")
	if len(parts) != 3 || parts[0] != "http" || parts[2] != "9090" {
		w.fail(rw, http.StatusBadRequest, metav1.StatusReasonBadRequest, "not the admin port: "+name)
		return
	}
	answer, ok := w.proxies[parts[1]+path]
	if !ok {
		w.fail(rw, http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "error trying to reach service: dial tcp 10.0.0.9:9090: i/o timeout")
		return
	}
	if text, ok := answer.(string); ok {
		_, _ = io.WriteString(rw, text)
		return
	}
	reply(rw, http.StatusOK, answer)
}

func (w *world) eviction(rw http.ResponseWriter, pod string) {
	switch code := w.evict(pod); code {
	case http.StatusCreated:
		reply(rw, code, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
	default:
		w.fail(rw, code, metav1.StatusReasonTooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget.")
	}
}

func (w *world) fail(rw http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	reply(rw, code, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Code: int32(code), Reason: reason, Message: message,
	})
}

func reply(rw http.ResponseWriter, code int, v any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(code)
	_ = json.NewEncoder(rw).Encode(v)
}

// Run implements kubectl.Runner.
func (w *world) Run(_ context.Context, pod *corev1.Pod, command []string, stdout, stderr io.Writer) error {
	w.mu.Lock()
	w.ran = append(w.ran, pod.Name+": "+strings.Join(command, " "))
	w.mu.Unlock()
	if w.forbidden["pods/exec"] {
		return fmt.Errorf("unable to upgrade connection: pods %q is forbidden: User \"eve\" cannot create resource \"pods/exec\"", pod.Name)
	}
	if w.programs == nil {
		return errors.New("unable to upgrade connection: container not found (\"proxy\")")
	}
	out, reason, code := w.programs(pod.Name, command)
	_, _ = io.WriteString(stdout, out)
	_, _ = io.WriteString(stderr, reason)
	if code != 0 {
		return exec.CodeExitError{Err: fmt.Errorf("command terminated with exit code %d", code), Code: code}
	}
	return nil
}

// kubectl runs a command line as a user would, and returns what it prints.
func (w *world) kubectl(t *testing.T, input string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return w.run(t, input, func(flags ...string) []string { return append(flags, args...) })
}

// complete completes the last argument.
func (w *world) complete(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return w.run(t, "", func(flags ...string) []string {
		return append(append([]string{"__completeNoDesc"}, flags...), args...)
	})
}

func (w *world) run(t *testing.T, input string, line func(flags ...string) []string) (stdout, stderr string, err error) {
	t.Helper()
	server := httptest.NewServer(w)
	defer server.Close()
	var out, complaints bytes.Buffer
	cmd := kubectl.New(kubectl.Options{
		Version:  "v1.2.3",
		Streams:  genericclioptions.IOStreams{In: strings.NewReader(input), Out: &out, ErrOut: &complaints},
		Runner:   w,
		Now:      func() time.Time { return began.Add(time.Minute) },
		Tick:     time.Millisecond,
		Patience: w.patience,
	})
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	cmd.SetArgs(line("--server", server.URL, "--namespace", "telephony"))
	err = cmd.ExecuteContext(t.Context())
	return out.String(), complaints.String(), err
}

// golden compares a text with the one that is kept.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got, go test -update rewrites it):\n%s", path, d)
	}
}
