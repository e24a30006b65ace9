package controllers_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// reached writes the epoch that a proxy has in force into its Lease.
func (b *bench) reached(ordinal int, epoch string) {
	b.Helper()
	b.says(ordinal, "", config.Serving)
	l := &coordinationv1.Lease{}
	b.get(fmt.Sprintf("ring-%d", ordinal), l)
	l.Annotations[config.AnnotationEpoch] = epoch
	l.Annotations[config.AnnotationSeed] = b.seed
	b.ok(b.client.Update(b.Context(), l))
}

// TestRestoredSetIsPassed: etcd is restored, so that set, status and Leases are
// older than the proxies, who then say which epoch they have in force. What is
// published next is above all of them, whoever leads, though the members are the same.
func TestRestoredSetIsPassed(t *testing.T) {
	b := newRing(t, 3)
	restored := b.members() // and what was published up to epoch 4711 is lost
	b.restart(b.client)
	b.settle()
	if d := cmp.Diff(restored, b.members()); d != "" {
		t.Fatalf("another set before anybody says so (-before +after):\n%s", d)
	}
	b.reached(0, "4711")
	b.settle()
	if d := cmp.Diff(restored, b.members()); d != "" {
		t.Fatalf("one of three is believed (-before +after):\n%s", d)
	}
	b.reached(1, "4709")
	b.settle()
	set := b.believed()
	if set.Epoch != 4712 || !cmp.Equal(set.Members, restored.Members) || set.Ring != restored.Ring {
		t.Errorf("epoch %d of %s, want 4712 of %s", set.Epoch, inShort(set), inShort(restored))
	}
	b.settle()
	if now := b.members().Epoch; now != set.Epoch {
		t.Errorf("epoch %d after %d: it rises by itself", now, set.Epoch)
	}
}

// TestLostSetIsPassed: the ConfigMap is gone, and the status knows of an older
// epoch than the proxies, or of none.
func TestLostSetIsPassed(t *testing.T) {
	for name, status := range map[string]string{"older status": `{"status":{"epoch":2}}`, "no epoch in the status": `{"status":{"epoch":null}}`} {
		t.Run(name, func(t *testing.T) {
			b := newRing(t, 3)
			before := b.members()
			for i := range 3 {
				b.reached(i, "4711")
			}
			b.delete("ring-members", &corev1.ConfigMap{})
			b.ok(b.client.Status().Patch(t.Context(), b.cluster(), client.RawPatch(types.MergePatchType, []byte(status))))
			b.restart(b.client)
			b.ok(b.reconcile())
			if set := b.believed(); set.Epoch != 4712 || !cmp.Equal(set.Members, before.Members) || set.Ring != before.Ring {
				t.Errorf("the first set has epoch %d and %s of %v, want 4712 and %s of %v", set.Epoch, inShort(set), set.Ring, inShort(before), before.Ring)
			}
		})
	}
}

// TestLostClusterIsCarriedOn: the SIPCluster was deleted without its objects, the
// ConfigMap is lost with it, and only the proxies know which ring they run.
func TestLostClusterIsCarriedOn(t *testing.T) {
	b := newRing(t, 3)
	before := b.members()
	for i := range 3 {
		b.seed = before.Ring.Seed.String()
		if i == 1 {
			b.seed = ring.Seed{1}.String() // it lies
		}
		b.reached(i, "4711")
	}
	b.orphan()
	b.delete("ring-members", &corev1.ConfigMap{})
	b.restart(b.client)
	b.create()
	b.ok(b.reconcile())
	set := b.members()
	b.settle()
	if set.Epoch <= 4711 || !cmp.Equal(set.Members, before.Members) || set.Ring != before.Ring || !b.trust().Believes(set) {
		t.Errorf("the first set has epoch %d and %s of %v, want 4712 and %s of %v", set.Epoch, inShort(set), set.Ring, inShort(before), before.Ring)
	}
	if s := b.cluster().Status.RingSeed; s != before.Ring.Seed.String() {
		t.Errorf("status: seed %s", s)
	}
}

// TestOneProxyRaisesNoEpoch: a proxy that was taken over may write what it likes.
func TestOneProxyRaisesNoEpoch(t *testing.T) {
	highest := fmt.Sprint(uint64(config.MaxEpoch))
	tests := map[string]struct {
		said []string // by ordinal
		want uint64   // the epoch afterwards; 0: that of before
	}{
		"the highest":                {[]string{highest, "", ""}, 0},
		"half of the highest":        {[]string{fmt.Sprint(uint64(config.MaxEpoch / 2)), "1", "1"}, 0},
		"a little":                   {[]string{"2000", "1", "1"}, 0},
		"no number":                  {[]string{"-1", "many", "18446744073709551616"}, 0},
		"all the highest":            {[]string{highest, highest, highest}, 0},
		"two are ahead":              {[]string{"", "5000", "5001"}, 5002},
		"two are ahead, one is far":  {[]string{highest, "5000", "5001"}, 5002},
		"one is far within the lot":  {[]string{fmt.Sprint(uint64(config.MaxEpoch / 2)), "5000", "5001"}, 6002},
		"two of three behind or far": {[]string{fmt.Sprint(uint64(config.MaxEpoch / 2)), "1", ""}, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newRing(t, 3)
			want := tt.want
			if want == 0 {
				want = b.members().Epoch
			}
			for i, epoch := range tt.said {
				b.reached(i, epoch)
			}
			for range 3 {
				b.settle()
			}
			if got := b.members().Epoch; got != want {
				t.Errorf("epoch %d, want %d", got, want)
			}
			b.pod(3, ready)
			b.settle()
			if got := b.members().Epoch; got != want+1 {
				t.Errorf("epoch %d after a change, want %d", got, want+1)
			}
		})
	}
}

// TestLeasesOfNoMemberRaiseNoEpoch: a Lease counts for a pod of the cluster that
// runs.
func TestLeasesOfNoMemberRaiseNoEpoch(t *testing.T) {
	b := newBench(t)
	b.begin()
	b.pod(0, ready)
	b.pod(1, ended)
	b.pod(2, waiting("CrashLoopBackOff", ""))
	b.settle()
	before := b.members().Epoch
	for i := 1; i < 9; i++ {
		b.reached(i, "4711")
	}
	b.settle()
	if now := b.members().Epoch; now != before {
		t.Errorf("epoch %d, was %d", now, before)
	}
}
