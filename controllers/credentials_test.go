package controllers_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sipring/sipring/api/v1alpha1"
)

// asks has the users asked for passwords, whose credentials are in the Secret users.
func asks(s *v1alpha1.SIPClusterSpec) { s.Authentication = usersIn("users", "") }

func usersIn(secret v1alpha1.SecretName, key v1alpha1.SecretKey) *v1alpha1.Authentication {
	return &v1alpha1.Authentication{Digest: &v1alpha1.Digest{Credentials: v1alpha1.Credentials{Secrets: []v1alpha1.CredentialsSecret{{Name: secret, Key: key}}}}}
}

// users writes the Secret of that name with these data.
func (b *bench) users(data map[string]string) {
	b.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "users"}}
	err := b.client.Get(b.Context(), client.ObjectKeyFromObject(s), s)
	b.ok(client.IgnoreNotFound(err))
	s.Data, s.StringData = nil, data
	if err != nil {
		b.ok(b.client.Create(b.Context(), s))
		return
	}
	b.ok(b.client.Update(b.Context(), s))
}

const aUser = "alice:example.com:85a70dafee099c6f1257aa99a97c9a42\n"

// TestCredentialsThatAreNotThere: pods are made all the same, the status says what is
// missing until it is there, and again when it is gone. Nothing of it rolls pods.
func TestCredentialsThatAreNotThere(t *testing.T) {
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) { c.Spec.Authentication = usersIn("users", "phones") })
	b.settle()
	for i := range 3 {
		b.pod(i, ready)
	}
	b.settle()
	b.seenTo(3)
	before := b.statefulSet()
	says := func(step, want string) {
		t.Helper()
		b.settle()
		c := b.condition(v1alpha1.ConditionDegraded)
		if want == "" {
			if c.Status != metav1.ConditionFalse {
				t.Errorf("%s: %s (%s), want nothing", step, c.Reason, c.Message)
			}
			b.want(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonServing)
			return
		}
		if c.Reason != v1alpha1.ReasonCredentialsUnusable || !strings.Contains(c.Message, want) {
			t.Errorf("%s: %s (%s), want %q", step, c.Reason, c.Message, want)
		}
		b.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonCredentialsUnusable)
		b.wantStalled(true)
	}
	says("none", "the Secret users, which spec.authentication names, is not there: create it")
	b.users(map[string]string{"other": aUser})
	says("another key", "the Secret users has no key phones, which spec.authentication names: add it")
	b.users(map[string]string{"other": aUser, "phones": " \n"})
	says("an empty key", "phones of the Secret users, which spec.authentication names, is empty: fill it")
	b.users(map[string]string{"phones": aUser})
	says("a user", "")
	b.users(map[string]string{"phones": aUser + aUser})
	says("other content", "")
	b.delete("users", &corev1.Secret{})
	says("gone", "is not there")
	b.users(map[string]string{"phones": aUser})
	says("back", "")
	if now := b.statefulSet(); now.ResourceVersion != before.ResourceVersion {
		t.Error("the StatefulSet was written for what is in a Secret")
	}
	told := b.told()
	if n := len(slices.DeleteFunc(told, func(reason string) bool { return reason != v1alpha1.ReasonCredentialsUnusable })); n != 2 {
		t.Errorf("%d Events of unusable credentials, want one each time that they became so, which is 2", n)
	}

	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Authentication = usersIn("users", "") })
	b.users(map[string]string{"phones": ""})
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonCredentialsUnusable)
	if c := b.condition(v1alpha1.ConditionDegraded); !strings.Contains(c.Message, "the Secret users, which spec.authentication names, is empty") {
		t.Errorf("an empty Secret: %s", c.Message)
	}
	if now := b.statefulSet(); now.Generation == before.Generation {
		t.Error("the pods are not given what is named now")
	}
}

// TestOperatorMayLookAtCredentials: its role is enough to see that they are missing, and
// that they are there.
func TestOperatorMayLookAtCredentials(t *testing.T) {
	b := newSerialBench(t)
	b.operator()
	b.create(func(c *v1alpha1.SIPCluster) { asks(&c.Spec) })
	degraded := func() string {
		if c := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionDegraded); c != nil {
			return c.Reason
		}
		return ""
	}
	b.await("missing credentials", func() (string, bool) { return degraded(), degraded() == v1alpha1.ReasonCredentialsUnusable })
	b.users(map[string]string{"a": aUser})
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"tokenHours":12}}`))
	b.ok(b.client.Patch(t.Context(), b.cluster(), patch)) // so that it looks at once
	b.await("their end", func() (string, bool) { return degraded(), degraded() != v1alpha1.ReasonCredentialsUnusable })
}

// TestCredentialsAreNotTheClustersKeys: no pod gets what signs member sets.
func TestCredentialsAreNotTheClustersKeys(t *testing.T) {
	b := newBench(t)
	b.allWell()
	before := b.statefulSet()
	for _, secret := range []v1alpha1.SecretName{"ring-signer", "ring-keys"} {
		b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Authentication = usersIn(secret, "") })
		b.failing()
		b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonCredentialsUnusable)
		b.wantStalled(true)
		if now := b.statefulSet(); now.Generation != before.Generation {
			t.Errorf("%s is mounted into the pods", secret)
		}
	}
}

// TestCredentialsThatCannotBeRead: what was seen last stands, and the status says that
// the operator cannot read.
func TestCredentialsThatCannotBeRead(t *testing.T) {
	b := newBench(t)
	b.users(map[string]string{"a": aUser})
	plain, err := client.NewWithWatch(server.Config, client.Options{Scheme: b.client.Scheme()})
	b.ok(err)
	var answer error
	b.restart(interceptor.NewClient(plain, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			if key.Name == "users" && answer != nil {
				return answer
			}
			return c.Get(ctx, key, into, opts...)
		},
	}))
	b.allWell()
	b.edit(asks)
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
	answer = apierrors.NewInternalError(errors.New("etcd has no leader"))
	b.failing()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonReadFailed)
	if c := b.condition(v1alpha1.ConditionDegraded); !strings.Contains(c.Message, "get Secret "+b.ns+"/users") {
		t.Errorf("message %q", c.Message)
	}
	answer = nil
	b.settle()
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonHealthy)
}
