package kubectl_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/peer"
)

// TestDrain: an eviction that the budget does not allow at first, and what becomes of
// the pod.
func TestDrain(t *testing.T) {
	w := aWorld()
	asked, looks := 0, 0
	w.evict = func(string) int {
		if asked++; asked < 3 {
			return http.StatusTooManyRequests
		}
		return http.StatusCreated
	}
	w.looked = func(string) {
		if asked < 3 {
			return
		}
		switch looks++; looks {
		case 2:
			w.clusters[0].Status.Members[1].State = "draining"
		case 4:
			w.clusters[0].Status.Members = slices.Delete(w.clusters[0].Status.Members, 1, 2)
			w.clusters[0].Status.ActiveMembers, w.clusters[0].Status.Epoch = 2, 43
			w.proxies["voice-1/v1/status"] = peer.Status{Bindings: peer.BindingStatus{}}
		case 5:
			delete(w.proxies, "voice-1/v1/status")
		case 6:
			w.pods[1].UID = "another"
		}
	}
	out, _, err := w.kubectl(t, "", "drain", "voice-1")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "drain", out)
	if asked != 3 {
		t.Errorf("asked %d times for the eviction, want 3", asked)
	}
}

func TestDrainRefused(t *testing.T) {
	never := func(w *world) { w.evict = func(string) int { return http.StatusTooManyRequests } }
	tests := map[string]struct {
		change func(*world)
		args   string
		want   string
	}{
		"no right":       {func(w *world) { w.forbidden["pods/eviction"] = true }, "drain voice-0", `you lack the right to create pods/eviction in namespace "telephony"`},
		"no right to":    {func(w *world) { w.forbidden["pods"] = true }, "drain voice-0", "you lack the right to get pods"},
		"no such pod":    {never, "drain voice-9", `"voice-9" not found`},
		"no proxy":       {func(w *world) { w.pods[0].Labels = nil }, "drain voice-0", "telephony/voice-0 is no proxy of a SIPCluster"},
		"budget":         {never, "drain voice-0 --timeout 50ms", "not done within 50ms"},
		"no pod":         {never, "drain", "accepts 1 arg"},
		"stays for ever": {func(w *world) { w.evict = func(string) int { return http.StatusCreated } }, "drain voice-0 --timeout 50ms", "not done within 50ms"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			tt.change(w)
			if _, _, err := w.kubectl(t, "", strings.Fields(tt.args)...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// operator carries a rotation out: a step each time that somebody looks.
func operator(w *world, asked map[string]any) {
	request, _ := asked[v1alpha1.AnnotationRotateKeys].(string)
	steps := []v1alpha1.KeysStatus{
		{Phase: "Adding", Request: request, IDs: []string{"old", "new"}},
		{Phase: "Promoting", Request: request, IDs: []string{"new", "old"}},
		{Phase: "Retiring", Request: request, IDs: []string{"new", "old"}},
	}
	if asked[v1alpha1.AnnotationRetireKeysNow] == request {
		steps = append(steps, v1alpha1.KeysStatus{Phase: "Current", Request: request, IDs: []string{"new"}})
	}
	w.stepped = func(c *v1alpha1.SIPCluster) {
		if len(steps) > 0 {
			c.Status.Keys, c.Status.Signer = &steps[0], &steps[0]
			steps = steps[1:]
		}
	}
}

func TestRotate(t *testing.T) {
	both := map[string]any{v1alpha1.AnnotationRotateKeys: "leak", v1alpha1.AnnotationRetireKeysNow: "leak"}
	tests := map[string]struct {
		args   string
		change func(*v1alpha1.SIPCluster)
		want   map[string]any
	}{
		"rotate":       {args: "keys rotate", want: map[string]any{v1alpha1.AnnotationRotateKeys: "2026-11-27T01-03-03Z"}},
		"rotate-wait":  {args: "keys rotate voice --wait --request 2026-11", want: map[string]any{v1alpha1.AnnotationRotateKeys: "2026-11"}},
		"rotate-hurry": {args: "keys rotate voice --wait --hurry --request leak", want: both},
		"rotate-other": {args: "keys rotate --request leak --hurry", want: both, change: func(c *v1alpha1.SIPCluster) {
			c.Spec.Paused = true
			c.Status.Keys = &v1alpha1.KeysStatus{Phase: "Adding", Request: "before"}
		}},
		"rotate-hurry-then": {args: "keys rotate --request leak --hurry --wait", want: both, change: func(c *v1alpha1.SIPCluster) {
			c.Status.Keys = &v1alpha1.KeysStatus{Phase: "Retiring", Request: "leak", IDs: []string{"new", "old"}}
			c.Status.Signer = &v1alpha1.KeysStatus{Phase: "Current", Request: "leak", IDs: []string{"new"}}
		}},
		"rotate-wait-again": {args: "keys rotate --request leak --wait", want: map[string]any{v1alpha1.AnnotationRotateKeys: "leak"}, change: func(c *v1alpha1.SIPCluster) {
			c.Status.Keys = &v1alpha1.KeysStatus{Phase: "Current", Request: "leak", IDs: []string{"new"}}
			c.Status.Signer = &v1alpha1.KeysStatus{Phase: "Adding", Request: "leak", IDs: []string{"old", "new"}}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			if tt.change != nil {
				tt.change(&w.clusters[0])
			}
			got := map[string]any{}
			w.patched = func(_ *v1alpha1.SIPCluster, patch map[string]any) {
				metadata, _ := patch["metadata"].(map[string]any)
				asked, _ := metadata["annotations"].(map[string]any)
				maps.Copy(got, asked)
				operator(w, asked)
			}
			out, _, err := w.kubectl(t, "", strings.Fields(tt.args)...)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, out)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("annotations (-want +got):\n%s", d)
			}
		})
	}
}

func TestRotateRefused(t *testing.T) {
	tests := map[string]struct {
		change func(*world)
		args   string
		want   string
	}{
		"no right":    {func(w *world) { w.forbidden["sipclusters"] = true }, "keys rotate voice", "you lack the right to get sipclusters.sipring.io"},
		"made before": {func(w *world) { w.clusters[0].Status.Keys.Request = "x" }, "keys rotate --request x", `request "x" was carried out before`},
		"long":        {nil, "keys rotate --request " + strings.Repeat("x", 64), "longer than 63 bytes"},
		"both done": {func(w *world) {
			w.clusters[0].Status.Keys.Request = "x"
			w.clusters[0].Status.Signer = w.clusters[0].Status.Keys
		}, "keys rotate --request x --hurry", `request "x" was carried out before`},
		"never": {nil, "keys rotate --wait --timeout 50ms", "not done within 50ms: the operator goes on"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			w.patched = func(*v1alpha1.SIPCluster, map[string]any) {}
			if tt.change != nil {
				tt.change(w)
			}
			if _, _, err := w.kubectl(t, "", strings.Fields(tt.args)...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestComplete: what may follow a word that was begun.
func TestComplete(t *testing.T) {
	tests := map[string]struct {
		args []string
		want []string
	}{
		"clusters":        {[]string{"status", ""}, []string{"trunk", "voice"}},
		"clusters begun":  {[]string{"explain", "v"}, []string{"voice"}},
		"one cluster":     {[]string{"events", "voice", ""}, nil},
		"clusters to key": {[]string{"keys", "rotate", "t"}, []string{"trunk"}},
		"pods":            {[]string{"drain", "voice-"}, []string{"voice-0", "voice-1", "voice-2"}},
		"members":         {[]string{"bindings", "--member", ""}, []string{"trunk-0", "voice-0", "voice-1", "voice-2"}},
		"members of one":  {[]string{"bindings", "--sipcluster", "trunk", "--member", ""}, []string{"trunk-0"}},
		"sipcluster":      {[]string{"where", "--sipcluster", ""}, []string{"trunk", "voice"}},
		"namespaces":      {[]string{"status", "--namespace", "t"}, []string{"telephony"}},
		"formats":         {[]string{"status", "-o", ""}, []string{"table", "wide", "json", "yaml"}},
		"no files":        {[]string{"where", ""}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			w.clusters = append(w.clusters, aCluster("trunk"))
			w.pods = append(w.pods, aPod("trunk", 0))
			out, _, err := w.complete(t, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Split(strings.TrimSpace(out), "\n")
			last := len(words) - 1
			if words[last] != ":4" { // cobra.ShellCompDirectiveNoFileComp
				t.Errorf("directive %s, want :4, which offers no files", words[last])
			}
			if d := cmp.Diff(tt.want, append([]string(nil), words[:last]...)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}
