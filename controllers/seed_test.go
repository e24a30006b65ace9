package controllers_test

import (
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

func TestEachClusterHasItsSeed(t *testing.T) {
	var seeds [2]ring.Seed
	t.Cleanup(func() { // when both have run
		if seeds[0] == seeds[1] || seeds[0].IsZero() || seeds[1].IsZero() {
			t.Errorf("seeds %v", seeds)
		}
	})
	for i := range seeds {
		t.Run("", func(t *testing.T) {
			b := newBench(t)
			b.begin()
			seeds[i] = b.members().Ring.Seed
		})
	}
}

// TestClusterWithoutSeedStaysWithout: one that an operator began who knew of no
// seeds has its bindings where they are without. It is so too when the published
// set is lost, and with another operator process.
func TestClusterWithoutSeedStaysWithout(t *testing.T) {
	b := newRing(t, 1)
	cm := b.configMap("ring-members")
	cm.Data[config.MembersKey] = strings.Replace(cm.Data[config.MembersKey], b.members().Ring.Seed.String(), "", 1)
	b.ok(b.client.Update(t.Context(), cm))
	c := b.cluster()
	c.Status.RingSeed = ""
	b.ok(b.client.Status().Update(t.Context(), c))
	b.restart(b.client)

	without := func(when string) {
		t.Helper()
		b.settle()
		if s := b.members().Ring.Seed; !s.IsZero() || strings.Trim(b.cluster().Status.RingSeed, "0") != "" {
			t.Fatalf("%s: seed %v, status %s", when, s, b.cluster().Status.RingSeed)
		}
	}
	without("as it was")
	b.pod(1, ready)
	without("another member")
	b.get("ring-members", cm)
	b.ok(b.client.Delete(t.Context(), cm))
	b.restart(b.client)
	without("the set is lost")
}
