package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sipring/sipring/controllers"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// errStopped is what every write after the last one allowed gives: the process
// has ended.
var errStopped = errors.New("stopped")

// stopping is a client that allows so many writes and no more.
func (b *bench) stopping(writes int) client.Client {
	b.Helper()
	plain, err := client.NewWithWatch(server.Config, client.Options{Scheme: b.client.Scheme()})
	b.ok(err)
	left := writes
	allowed := func(write func() error) error {
		if left == 0 {
			return errStopped
		}
		left--
		return write()
	}
	return interceptor.NewClient(plain, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return allowed(func() error { return c.Create(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return allowed(func() error { return c.Delete(ctx, o, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return allowed(func() error { return c.Apply(ctx, o, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			return allowed(func() error { return c.SubResource(sub).Patch(ctx, o, p, opts...) })
		},
	})
}

// content is what counts of the owned objects: not versions, times and random
// keys.
func (b *bench) content() map[string]client.Object {
	b.Helper()
	objects := owned()
	b.fill(objects)
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Secret:
			o.Data = nil
		case *corev1.ConfigMap:
			delete(o.Data, config.TrustKey)
		case *rbacv1.RoleBinding:
			for i := range o.Subjects {
				o.Subjects[i].Namespace = ""
			}
		}
	}
	return objects
}

var ignored = cmp.Options{
	cmpopts.IgnoreFields(metav1.ObjectMeta{}, "UID", "ResourceVersion", "CreationTimestamp", "ManagedFields", "OwnerReferences", "Namespace", "Generation"),
	cmpopts.IgnoreFields(corev1.ServiceSpec{}, "ClusterIP", "ClusterIPs"),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == `["members.json"]` }, cmp.Ignore()), // compared by itself
	cmpopts.IgnoreFields(metav1.Condition{}, "LastTransitionTime"),
}

// TestStoppedAnywhere: whichever write is the last of a process, the next one
// ends where an undisturbed one does, and the epoch never falls.
func TestStoppedAnywhere(t *testing.T) {
	undisturbed := newBench(t)
	undisturbed.life(func() { undisturbed.settle() })
	want, members, active := undisturbed.content(), undisturbed.states(), undisturbed.inRing()

	for writes := range 18 {
		t.Run(fmt.Sprintf("after %d writes", writes), func(t *testing.T) {
			b := newBench(t)
			epoch, seed := uint64(0), ring.Seed{}
			b.life(func() {
				b.restart(b.stopping(writes))
				if err := b.reconcile(); err != nil && !errors.Is(err, errStopped) {
					t.Errorf("stopped pass: %v", err)
				}
				b.restart(b.client)
				b.settle()
				if now := b.members().Ring.Seed; now.IsZero() || epoch > 0 && now != seed || b.cluster().Status.RingSeed != now.String() {
					t.Errorf("seed %v after %v, status %s", now, seed, b.cluster().Status.RingSeed)
				} else {
					seed = now
				}
				if now := b.members().Epoch; now < epoch {
					t.Errorf("epoch %d after %d", now, epoch)
				} else {
					epoch = now
				}
			})
			if d := cmp.Diff(want, b.content(), ignored); d != "" {
				t.Errorf("objects (-undisturbed +stopped):\n%s", d)
			}
			if got := b.states(); got != members {
				t.Errorf("members %s, want %s", got, members)
			}
			if got := b.inRing(); got != active {
				t.Errorf("status %s, want %s", got, active)
			}
		})
	}
}

// life is a short life of a cluster, with passes in between.
func (b *bench) life(pass func()) {
	b.Helper()
	b.create()
	pass()
	for i := range 3 {
		b.pod(i, ready)
	}
	pass()
	b.remove(2, true)
	pass()
	c := b.cluster()
	c.Spec.Replicas = new(int32(2))
	b.ok(b.client.Update(b.Context(), c))
	pass()
}

// TestForeignEditsAreRepaired: whatever somebody changes of an owned object that
// the operator cares for is put right.
func TestForeignEditsAreRepaired(t *testing.T) {
	b := newBench(t)
	b.begin()
	before := b.content()
	for key, patch := range map[string]string{
		"ServiceAccount":           `{"metadata":{"labels":{"sipring.io/cluster":null}}}`,
		"Role":                     `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`,
		"RoleBinding":              `{"subjects":[]}`,
		"Service/ring":             `{"spec":{"selector":{"app":"mine"},"ports":[{"name":"udp","port":5099,"protocol":"UDP"}]}}`,
		"Service/ring-peers":       `{"spec":{"publishNotReadyAddresses":false}}`,
		"PodDisruptionBudget/ring": `{"spec":{"maxUnavailable":3}}`,
		"NetworkPolicy/ring":       `{"spec":{"ingress":[{}]}}`,
		"StatefulSet/ring":         `{"spec":{"replicas":1,"template":{"metadata":{"annotations":{"sipring.io/config":"cluster: mine"}},"spec":{"hostNetwork":false,"serviceAccountName":"default"}}}}`,
	} {
		o := before[key].DeepCopyObject().(client.Object)
		b.ok(b.client.Patch(t.Context(), o, client.RawPatch("application/merge-patch+json", []byte(patch)), client.FieldOwner("somebody")))
		if d := cmp.Diff(before[key], o, ignored); d == "" {
			t.Errorf("%s: the edit changed nothing", key)
		}
	}
	b.settle()
	if d := cmp.Diff(before, b.content(), ignored); d != "" {
		t.Errorf("not repaired (-before +after):\n%s", d)
	}
}

func TestDeletedObjectsComeBack(t *testing.T) {
	b := newBench(t)
	b.begin()
	for key, o := range b.content() {
		if err := b.client.Delete(t.Context(), o); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	b.settle()
	b.content() // fails where one is missing
}

// TestRecord: what happens to the published set must not let the epoch fall.
func TestRecord(t *testing.T) {
	edit := func(change func(*config.MemberSet)) func(*bench, *corev1.ConfigMap) {
		return func(b *bench, cm *corev1.ConfigMap) {
			set := b.members()
			change(set)
			b.writeSet(cm, set)
		}
	}
	signed := func(change func(*config.MemberSet)) func(*bench, *corev1.ConfigMap) {
		return func(b *bench, cm *corev1.ConfigMap) {
			set := b.members()
			change(set)
			set, err := b.signer().Sign(desired.Identity(b.cluster()), set)
			b.ok(err)
			b.writeSet(cm, set)
		}
	}
	tests := map[string]struct {
		damage  func(*bench, *corev1.ConfigMap)
		atLeast uint64 // the epoch afterwards, above the one before
	}{
		"deleted": {func(b *bench, cm *corev1.ConfigMap) { b.ok(b.client.Delete(b.Context(), cm)) }, 1},
		"emptied": {func(b *bench, cm *corev1.ConfigMap) { cm.Data = nil; b.ok(b.client.Update(b.Context(), cm)) }, 1},
		"garbage": {func(b *bench, cm *corev1.ConfigMap) {
			cm.Data[config.MembersKey] = "{"
			b.ok(b.client.Update(b.Context(), cm))
		}, 1},
		"a member removed": {edit(func(s *config.MemberSet) { s.Members = s.Members[1:] }), 1},
		"epoch set back":   {edit(func(s *config.MemberSet) { s.Epoch = 1 }), 1},
		"epoch far ahead":  {signed(func(s *config.MemberSet) { s.Epoch = 5000 }), 5000},
		"another seed":     {edit(func(s *config.MemberSet) { s.Ring.Seed = ring.Seed{1} }), 1},
		"no seed, ahead":   {signed(func(s *config.MemberSet) { s.Epoch, s.Ring.Seed = 5000, ring.Seed{} }), 5001},
		"ahead, one short": {signed(func(s *config.MemberSet) { s.Epoch, s.Members = 5000, s.Members[1:] }), 5001},
		"forged":           {edit(func(s *config.MemberSet) { s.Epoch, s.Members = config.MaxEpoch, nil }), 1},
		"epoch of no use": {func(b *bench, cm *corev1.ConfigMap) {
			cm.Data[config.MembersKey] = `{"epoch":18446744073709551615,"ring":{},"members":[]}`
			b.ok(b.client.Update(b.Context(), cm))
		}, 1},
	}
	for name, tt := range tests {
		for _, restarted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, restarted %v", name, restarted), func(t *testing.T) {
				b := newBench(t)
				b.begin()
				for i := range 3 {
					b.pod(i, ready)
					b.settle()
				}
				before := b.members()
				cm := b.configMap("ring-members")
				tt.damage(b, cm)
				if restarted {
					b.restart(b.client)
				}
				b.settle()
				after := b.members()
				if after.Epoch < before.Epoch || after.Epoch < tt.atLeast || after.Epoch > before.Epoch+10_000 {
					t.Errorf("epoch %d, before %d", after.Epoch, before.Epoch)
				}
				if !b.signer().Trust(desired.Identity(b.cluster())).Believes(after) {
					t.Error("no proxy would believe what is published")
				}
				if d := cmp.Diff(before.Members, after.Members); d != "" {
					t.Errorf("members (-before +after):\n%s", d)
				}
				if after.Ring != before.Ring {
					t.Errorf("the ring was %v and is %v: all bindings would move", before.Ring, after.Ring)
				}
				if !restarted && after.Epoch == before.Epoch {
					t.Errorf("the epoch is still %d: proxies that saw the damage would keep it", after.Epoch)
				}
			})
		}
	}
}

// TestTwoLeaders: each takes what the other published for its own, and neither
// publishes what is published already.
func TestTwoLeaders(t *testing.T) {
	b := newBench(t)
	b.begin()
	first := b.r
	b.restart(b.client)
	second := b.r
	epoch := b.members().Epoch
	for i, leader := range []*controllers.Reconciler{first, second, first, second} {
		b.r = leader
		b.pod(i, ready)
		b.ok(b.reconcile())
		for _, b.r = range []*controllers.Reconciler{first, second} {
			b.settle()
		}
		epoch++
		if set := b.members(); set.Epoch != epoch || len(set.Members) != i+1 {
			t.Fatalf("epoch %d of %d members, want %d of %d: they fight", set.Epoch, len(set.Members), epoch, i+1)
		}
	}
	cm := b.configMap("ring-members")
	set := b.members()
	set.Epoch-- // above what the first leader wrote itself, below what it saw
	set, err := b.signer().Sign(desired.Identity(b.cluster()), set)
	b.ok(err)
	b.writeSet(cm, set)
	b.r = first
	b.settle()
	if now := b.members().Epoch; now <= epoch {
		t.Errorf("epoch %d after %d: it follows one that was set back", now, epoch)
	}
}

// TestStaleCacheConflicts: a decision from an old member set is not published.
func TestStaleCacheConflicts(t *testing.T) {
	b := newRing(t, 1)
	old := b.configMap("ring-members")
	b.pod(1, ready)
	b.settle()
	newest := b.members()

	b.restart(b.behind(func() *corev1.ConfigMap { return old }))
	b.pod(2, ready)
	b.ok(b.reconcile()) // a conflict is another pass, not an error
	if d := cmp.Diff(newest, b.members()); d != "" {
		t.Errorf("published from an old set (-before +after):\n%s", d)
	}
	b.restart(b.client)
	b.settle()
	if got := b.states(); got != "0:active 1:active 2:active" || b.members().Epoch != newest.Epoch+1 {
		t.Errorf("%s at epoch %d after %d", got, b.members().Epoch, newest.Epoch)
	}
}

// TestOwnWriteAheadOfCache: the cache may lag behind what this process wrote.
func TestOwnWriteAheadOfCache(t *testing.T) {
	b := newBench(t)
	b.begin()
	var stale *corev1.ConfigMap
	b.restart(b.behind(func() *corev1.ConfigMap { return stale }))
	b.pod(0, ready)
	b.settle()
	stale = b.configMap("ring-members")
	for i := 1; i < 3; i++ {
		b.pod(i, ready)
		b.ok(b.reconcile())
		if got := len(b.members().Members); got != i+1 {
			t.Errorf("%d members, want %d: the cache held it up", got, i+1)
		}
	}
	if s := b.cluster().Status; s.ActiveMembers != 3 || s.TotalMembers != 3 {
		t.Errorf("status %d of %d, want 3 of 3", s.ActiveMembers, s.TotalMembers)
	}
}
