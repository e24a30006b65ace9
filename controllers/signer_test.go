package controllers_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// believed reads the published set as a proxy does.
func (b *bench) believed() *config.MemberSet {
	b.Helper()
	cm := b.configMap("ring-members")
	set, err := b.trust().ParseMemberSet([]byte(cm.Data[config.MembersKey]))
	b.ok(err)
	return set
}

// TestSetsAreSigned: proxies believe what is published, for a key that no pod has.
func TestSetsAreSigned(t *testing.T) {
	b := newBench(t)
	b.begin()
	for i := range 3 {
		b.pod(i, ready)
		b.settle()
		if got := len(b.believed().Members); got != i+1 {
			t.Errorf("%d members are believed, want %d", got, i+1)
		}
	}
	if trust := b.trust(); trust.Cluster != desired.Identity(b.cluster()) || !strings.HasPrefix(trust.Cluster, b.ns+"/ring/") || len(trust.Keys) != 1 {
		t.Errorf("trust: %+v", trust)
	}
	set := b.statefulSet()
	text, err := set.Marshal()
	b.ok(err)
	if strings.Contains(string(text), desired.SignerName("ring")) {
		t.Error("the pods mount the keys that sign member sets")
	}
	keys := b.secret("ring-keys")
	if cmp.Equal(keys.Data[config.KeysKey], must(b.signer().Marshal())) {
		t.Error("the proxies' keys sign member sets")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// writeSigner changes the keys that sign, as an administrator does.
func (b *bench) writeSigner(keys *config.Keys) {
	b.Helper()
	secret := b.secret("ring-signer")
	secret.Data[config.SignerKey] = must(keys.Marshal())
	b.ok(b.client.Update(b.Context(), secret))
}

// TestSigningKeysRotate: in each step whoever trusts what was published one step
// before believes the set, whose epoch stays.
func TestSigningKeysRotate(t *testing.T) {
	b := newRing(t, 1)
	epoch := b.members().Epoch
	first := b.trust()
	for _, step := range []func(*config.Keys) (*config.Keys, error){(*config.Keys).Added, (*config.Keys).Promoted, (*config.Keys).Retired} {
		before := b.trust()
		next := must(step(b.signer()))
		b.writeSigner(next)
		b.settle()
		set := b.believed()
		if !before.Believes(set) {
			t.Errorf("with %d keys: who knows the step before does not believe the set", len(next.Keys))
		}
		if len(set.Signatures) != len(next.Keys) || set.Epoch != epoch {
			t.Errorf("%d signatures by %d keys, epoch %d, was %d", len(set.Signatures), len(next.Keys), set.Epoch, epoch)
		}
	}
	if first.Believes(b.members()) {
		t.Error("the key that was retired still signs")
	}
}

// TestLostSigningKeys: the same come back while an operator knows them, else others
// are made, told to the proxies, and used; the epoch never falls.
func TestLostSigningKeys(t *testing.T) {
	for name, restarted := range map[string]bool{"the operator knows them": false, "another operator": true} {
		t.Run(name, func(t *testing.T) {
			b := newRing(t, 1)
			before, trust := b.members(), b.trust()
			b.delete("ring-signer", &corev1.Secret{})
			if restarted {
				b.restart(b.client)
			}
			b.settle()
			if same := cmp.Equal(trust, b.trust()); same == restarted {
				t.Errorf("the proxies are told the same keys: %v", same)
			}
			if d := cmp.Diff(before.Members, b.believed().Members); d != "" || b.members().Epoch < before.Epoch {
				t.Errorf("epoch %d, before %d, members (-before +after):\n%s", b.members().Epoch, before.Epoch, d)
			}
			b.pod(1, ready)
			b.settle()
			if got := len(b.believed().Members); got != 2 {
				t.Errorf("%d members are believed after a change, want 2", got)
			}
		})
	}
}

// TestUnsignedSetIsSigned: an operator that did not sign yet left it; it is signed as it is,
// before pods are made that believe no other.
func TestUnsignedSetIsSigned(t *testing.T) {
	b := newRing(t, 1)
	before := b.members()
	cm := b.configMap("ring-members")
	unsigned := *before
	unsigned.Signatures = nil
	b.writeSet(cm, &unsigned)
	b.delete("ring-signer", &corev1.Secret{})
	b.restart(b.client)
	b.ok(b.reconcile())
	if set := b.believed(); !set.Equal(before) {
		t.Errorf("another set than before: %+v", set)
	}
}

// TestSignaturesTakenOffComeBack.
func TestSignaturesTakenOffComeBack(t *testing.T) {
	b := newRing(t, 1)
	cm := b.configMap("ring-members")
	bare := b.members()
	bare.Signatures = nil
	b.writeSet(cm, bare)
	b.settle()
	b.believed()
}

// TestTrustIsRepaired: nobody else says whom the proxies are to believe.
func TestTrustIsRepaired(t *testing.T) {
	b := newBench(t)
	b.begin()
	before := b.trust()
	cm := b.configMap("ring-trust")
	cm.Data[config.TrustKey] = string(must(config.NewKeys().Trust(before.Cluster).Marshal()))
	b.ok(b.client.Update(t.Context(), cm))
	b.settle()
	if d := cmp.Diff(before, b.trust()); d != "" {
		t.Errorf("not repaired (-before +after):\n%s", d)
	}
}

// TestUselessSigningKeysAreReported, and what is published stays.
func TestUselessSigningKeysAreReported(t *testing.T) {
	b := newRing(t, 1)
	secret := b.secret("ring-signer")
	secret.Data = map[string][]byte{config.SignerKey: []byte("{}")}
	b.ok(b.client.Update(t.Context(), secret))
	before := b.members()
	if err := b.reconcile(); err == nil || !strings.Contains(err.Error(), "ring-signer") {
		t.Errorf("%v, want an error that names the Secret", err)
	}
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonKeysUnusable)
	if d := cmp.Diff(before, b.members()); d != "" {
		t.Errorf("the set changed (-before +after):\n%s", d)
	}
	b.ok(b.client.Delete(t.Context(), secret))
	b.settle()
	b.believed()
}
