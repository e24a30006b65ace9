package kubectl_test

import (
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/peer"
)

// TestLook: what commands that only look print, of clusters in each state.
func TestLook(t *testing.T) {
	tests := map[string]struct {
		change func(*world)
		args   string
	}{
		"status":      {args: "status"},
		"status-wide": {args: "status voice -o wide"},
		"status-yaml": {args: "status voice -o yaml"},
		"status-json": {args: "status -o json"},
		"status-silent": {args: "status", change: func(w *world) {
			delete(w.proxies, "voice-1/v1/status")
			w.proxies["voice-2/v1/status"] = strings.Repeat("x", 5<<20)
			w.pods[0].Status.Phase = corev1.PodPending
		}},
		"status-no-way": {args: "status", change: func(w *world) {
			w.forbidden["pods/exec"] = true
			delete(w.proxies, "voice-1/v1/status")
		}},
		"status-no-rights":     {args: "status", change: func(w *world) { w.forbidden["pods/proxy"], w.forbidden["pods/exec"] = true, true }},
		"status-no-pods-right": {args: "status", change: func(w *world) { w.forbidden["pods"] = true }},
		"status-no-pods": {args: "status", change: func(w *world) {
			w.pods, w.clusters[0].Status.Members = nil, nil
			w.clusters[0].Status.ActiveMembers = 0
			w.clusters[0].Status.Conditions = []metav1.Condition{
				{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonInvalidTemplate, Message: "the template has no container"},
				{Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNoActiveMember, Message: "nobody serves"},
				{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonInvalidTemplate, Message: "the template has no container"},
			}
		}},
		"status-rings-differ": {args: "status", change: func(w *world) {
			w.proxies["voice-2/v1/status"] = peer.Status{Epoch: 41, NotReady: "fetches 12 partitions", Members: []peer.MemberStatus{{ID: 3, Name: "voice-2", InRing: true}}}
		}},
		"status-lost": {args: "status", change: func(w *world) {
			w.proxies["voice-1/metrics"] = "# TYPE sipring_proxy_lost_bindings_total counter\nsipring_proxy_lost_bindings_total 12\nsipring_proxy_up 1\n"
			w.proxies["voice-2/metrics"] = "sipring_proxy_lost_bindings_total 0\n"
		}},
		"explain-lost": {args: "explain", change: func(w *world) {
			w.proxies["voice-1/metrics"] = "sipring_proxy_lost_bindings_total 12\n"
			lost := survivor(0, "EOF", 0)
			w.proxies["voice-1/v1/events"] = append(lost[:4:4], peer.Event{UnixNano: after(time.Second).UnixNano(), Kind: peer.EventPeerLost, Member: 3, Detail: "EOF"},
				peer.Event{UnixNano: after(1001 * time.Millisecond).UnixNano(), Kind: peer.EventRingChanged, Count: 1, Detail: "1 members: voice-1"})
			w.proxies["voice-2/v1/events"] = []peer.Event{}
		}},
		"status-all": {args: "status -A", change: func(w *world) {
			w.clusters = append(w.clusters, aCluster("trunk"))
			w.clusters[1].Namespace = "carrier"
		}},
		"status-hostile": {args: "status", change: func(w *world) {
			w.proxies["voice-0/v1/status"] = peer.Status{NotReady: "\x1b[2J\u202eevil\nREADY", Epoch: 42}
		}},
		"status-failover": {args: "status", change: replacedSince},
		"status-failover-older": {args: "status", change: func(w *world) {
			w.clusters[0].Status.LastFailover = lost("voice-2", after(-time.Hour))
		}},
		"status-attended":   {args: "status", change: func(w *world) { w.claim = claimed("sipring-system/operator", 40*time.Second) }},
		"status-unattended": {args: "status", change: func(w *world) { w.claim = claimed("sipring-system/operator", -10*time.Second) }},
		"status-let-go":     {args: "status", change: func(w *world) { w.claim = &coordinationv1.Lease{} }},
		"status-no-leases":  {args: "status", change: func(w *world) { w.forbidden["leases"] = true }},
		"explain-forgotten": {args: "explain", change: replacedSince},
		"events":            {args: "events"},
		"events-wide":       {args: "events voice --since 24h -o wide"},
		"events-json":       {args: "events --since 59s -o json"},
		"events-none":       {args: "events --since 1s"},
		"events-partly": {args: "events --since 10m", change: func(w *world) {
			w.forbidden["events"] = true
			delete(w.proxies, "voice-1/v1/events")
		}},
		"explain": {args: "explain"},
		"explain-others": {args: "explain", change: func(w *world) {
			w.events = append(w.events,
				anEvent("Pod", "voice-1", "Unhealthy", "Warning", "of another pod", "kubelet", after(time.Second)),
				anEvent("Pod", "voice-0", "Killing", "Normal", "before anybody noticed", "kubelet", after(-time.Second)),
				anEvent("SIPCluster", "voice", "RingChanged", "Normal", "before", "sipring-operator", after(-time.Second)),
				anEvent("SIPCluster", "voice", "RingChanged", "Normal", "long after", "sipring-operator", after(time.Minute)))
		}},
		"explain-json": {args: "explain --last -o json"},
		"explain-one-copy": {args: "explain", change: func(w *world) {
			w.clusters[0].Spec.Ring.Replicas = 1
			w.proxies["voice-2/v1/events"] = survivor(0, "silent for 3s", 0)[:4]
			delete(w.proxies, "voice-1/v1/events")
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			if tt.change != nil {
				tt.change(w)
			}
			out, complaints, err := w.kubectl(t, "", strings.Fields(tt.args)...)
			if err != nil || complaints != "" {
				t.Fatalf("error %v, stderr %q", err, complaints)
			}
			golden(t, name, out)
		})
	}
}

// replacedSince: the status has what all saw, and one of those that saw it was replaced.
func replacedSince(w *world) {
	w.clusters[0].Status.LastFailover = lost("voice-0", after(time.Second).Truncate(time.Second))
	w.proxies["voice-2/v1/events"] = []peer.Event{{Seq: 1, UnixNano: after(40 * time.Second).UnixNano(), Kind: peer.EventSynced, Epoch: 42}}
}

func lost(member string, at time.Time) *v1alpha1.FailoverStatus {
	return &v1alpha1.FailoverStatus{Time: metav1.NewTime(at), Member: member, Cause: "ProcessEnded", RehomedBindings: 67, Milliseconds: 9}
}

// claimed is a claim that was renewed last so long after it began.
func claimed(by string, renewed time.Duration) *coordinationv1.Lease {
	l := &coordinationv1.Lease{}
	l.Spec.HolderIdentity, l.Spec.RenewTime = &by, new(metav1.NewMicroTime(after(renewed)))
	return l
}

// TestRefused: what goes wrong is said with its cause, and with what to do.
func TestRefused(t *testing.T) {
	none := func(w *world) { w.clusters = nil }
	two := func(w *world) { w.clusters = append(w.clusters, aCluster("trunk")) }
	tests := map[string]struct {
		change func(*world)
		args   string
		want   string
	}{
		"no cluster":           {none, "status", `no SIPCluster in namespace "telephony"`},
		"no cluster at all":    {none, "status -A", "no SIPCluster in any namespace"},
		"no such cluster":      {nil, "status other", `"other" not found`},
		"name and all":         {nil, "status voice -A", "give one of them"},
		"several":              {two, "explain", "several SIPClusters: say which of trunk, voice"},
		"no cluster to tell":   {none, "events", "no SIPCluster"},
		"format":               {nil, "status -o xml", `"xml" is not table, wide, json or yaml`},
		"no right to list":     {func(w *world) { w.forbidden["sipclusters"] = true }, "status", `you lack the right to list sipclusters.sipring.io in namespace "telephony"`},
		"no right everywhere":  {func(w *world) { w.forbidden["sipclusters"] = true }, "status -A", "you lack the right to list sipclusters.sipring.io in all namespaces"},
		"no right to get":      {func(w *world) { w.forbidden["sipclusters"] = true }, "events voice", "you lack the right to get sipclusters.sipring.io"},
		"no right to pods":     {func(w *world) { w.forbidden["pods"] = true }, "explain", "you lack the right to list pods"},
		"no right to proxies":  {func(w *world) { w.forbidden["pods/proxy"] = true }, "explain", "you lack the right to get pods/proxy"},
		"since":                {nil, "events --since -1s", "not above 0"},
		"last":                 {nil, "explain --last=0", "not above 0"},
		"no such failover":     {nil, "explain --last=2", "know of 1 failover:"},
		"no pods, no failover": {func(w *world) { w.pods = nil }, "explain", "there are no pods"},
		"arguments":            {nil, "status a b", "accepts at most 1 arg"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			if tt.change != nil {
				tt.change(w)
			}
			out, _, err := w.kubectl(t, "", strings.Fields(tt.args)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) || out != "" {
				t.Errorf("error %v with output %q, want one with %q and nothing else", err, out, tt.want)
			}
		})
	}
}

// TestNoFailover: what is no loss of a member of the ring is told as none.
func TestNoFailover(t *testing.T) {
	at := func(d time.Duration) int64 { return after(d).UnixNano() }
	tests := map[string][]peer.Event{
		"left as asked": {
			{UnixNano: at(0), Kind: peer.EventRingChanged, Count: 2, Detail: "2 members: voice-1, voice-2"},
			{UnixNano: at(time.Second), Kind: peer.EventPeerLost, Member: 1, Detail: "EOF"},
			{UnixNano: at(5 * time.Second), Kind: peer.EventRingChanged, Count: 1, Detail: "1 members: voice-1"},
		},
		"a stream that came back": {
			{UnixNano: at(-time.Second), Kind: peer.EventRingChanged, Count: 3, Detail: "3 members: voice-0, voice-1, voice-2"},
			{UnixNano: at(0), Kind: peer.EventPeerLost, Member: 1, Detail: "EOF"},
			{UnixNano: at(time.Millisecond), Kind: peer.EventPeerUp, Member: 1},
		},
		"left long after": {
			{UnixNano: at(0), Kind: peer.EventPeerLost, Member: 1, Detail: "EOF"},
			{UnixNano: at(time.Minute), Kind: peer.EventRingChanged, Count: 2, Detail: "2 members: voice-1, voice-2"},
		},
		"a member that nobody knows": {
			{UnixNano: at(0), Kind: peer.EventPeerLost, Member: 99, Detail: "EOF"},
			{UnixNano: at(time.Millisecond), Kind: peer.EventRingChanged, Count: 2, Detail: "2 members: voice-1, voice-2"},
		},
	}
	for name, events := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			w.proxies["voice-1/v1/events"], w.proxies["voice-2/v1/events"] = events, []peer.Event{}
			if _, _, err := w.kubectl(t, "", "explain"); err == nil || !strings.Contains(err.Error(), "know of 0 failovers") {
				t.Errorf("error %v, want none that is known of", err)
			}
		})
	}
}
