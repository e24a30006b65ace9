package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

var phones = map[string]string{"holds": "phones"}

// selects has the users' credentials be in the Secrets with the labels, beside those
// that are named.
func selects(labels map[string]string, names ...v1alpha1.SecretName) func(*v1alpha1.SIPClusterSpec) {
	from := v1alpha1.Credentials{SecretSelector: &metav1.LabelSelector{MatchLabels: labels}}
	for _, name := range names {
		from.Secrets = append(from.Secrets, v1alpha1.CredentialsSecret{Name: name})
	}
	return func(s *v1alpha1.SIPClusterSpec) {
		s.Authentication = &v1alpha1.Authentication{Digest: &v1alpha1.Digest{Credentials: from}}
	}
}

// labelled makes a Secret with a user in it.
func (b *bench) labelled(name string, labels, data map[string]string) *corev1.Secret {
	b.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: name, Labels: labels}, StringData: data}
	b.ok(b.client.Create(b.Context(), s))
	return s
}

// mounted are the Secrets of credentials that the pods are given, and what the proxies
// read, in short: "a b".
func (b *bench) mounted() string {
	b.Helper()
	template := b.statefulSet().Spec.Template
	c, err := config.ParseConfig([]byte(template.Annotations[desired.AnnotationConfig]))
	b.ok(err)
	var names []string
	for _, v := range template.Spec.Volumes {
		if at, ok := strings.CutPrefix(v.Name, "credentials-"); ok {
			path := "/etc/sipring/credentials/" + at
			mounts := template.Spec.Containers[0].VolumeMounts
			if !slices.ContainsFunc(mounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name && m.MountPath == path && m.ReadOnly }) ||
				c.Authentication == nil || !slices.Contains(c.Authentication.Credentials.Files, path) || !*v.Secret.Optional {
				b.Errorf("%s is not mounted at %s, optional and read there", v.Secret.SecretName, path)
			}
			names = append(names, v.Secret.SecretName)
		}
	}
	return strings.Join(names, " ")
}

func (b *bench) wantMounted(step, want string) {
	b.Helper()
	if got := b.mounted(); got != want {
		b.Errorf("%s: mounted are %q, want %q", step, got, want)
	}
}

// wantUnusable checks what the status says of the credentials, nothing if want is empty.
func (b *bench) wantUnusable(step, want string) {
	b.Helper()
	c := b.condition(v1alpha1.ConditionDegraded)
	if want == "" && c.Reason == v1alpha1.ReasonCredentialsUnusable || want != "" && (c.Reason != v1alpha1.ReasonCredentialsUnusable || !strings.Contains(c.Message, want)) {
		b.Errorf("%s: %s (%s), want %q", step, c.Reason, c.Message, want)
	}
}

// TestSecretsBySelector: the pods are given the Secrets with the labels, as they come and
// go, and not for what is in them. One that is replaced stays, and so does the last one.
func TestSecretsBySelector(t *testing.T) {
	b := newBench(t)
	b.goesByItsClock()
	b.create(func(c *v1alpha1.SIPCluster) { selects(phones)(&c.Spec) })
	b.labelled("other", map[string]string{"holds": "cups"}, map[string]string{"users": aUser})
	b.failing()
	b.wantUnusable("none", "no Secret in namespace "+b.ns+" has the labels that secretSelector of spec.authentication asks for (holds=phones)")
	b.wantStalled(true)
	b.labelled("a", phones, map[string]string{"users": aUser})
	b.settle()
	b.wantMounted("the first", "a")
	for i := range 3 {
		b.pod(i, ready)
	}
	b.settle()
	b.seenTo(3)
	b.wantUnusable("the first", "")

	b.events.notes = nil
	b.labelled("b", phones, map[string]string{"users": aUser})
	b.settle()
	b.wantMounted("one more", "a b")
	if want := "Secrets of credentials: +b (other Secrets have the labels that it selects)"; !strings.Contains(strings.Join(b.events.notes, "\n"), want) {
		t.Errorf("told is %q, not %q", b.events.notes, want)
	}
	b.seenTo(3)

	before := b.statefulSet()
	again := func() {
		t.Helper()
		b.delete("b", &corev1.Secret{})
		b.settle()
		b.labelled("b", phones, map[string]string{"users": aUser + aUser, "more": aUser})
		b.settle()
		b.later(time.Minute)
		b.settle()
	}
	again()
	again()
	if now := b.statefulSet(); now.Generation != before.Generation {
		t.Error("pods are replaced for a Secret that was")
	}
	b.delete("b", &corev1.Secret{})
	b.settle()
	b.wantUnusable("one that goes", "")
	b.later(time.Minute)
	b.settle()
	b.wantMounted("one less", "a")

	a := &corev1.Secret{}
	b.get("a", a)
	a.Labels = nil
	b.ok(b.client.Update(t.Context(), a))
	for range 3 {
		b.settle()
		b.later(time.Minute)
	}
	b.wantMounted("the last", "a")
	b.wantUnusable("the last", "no Secret in namespace")
	b.restart(b.client)
	b.settle()
	b.wantMounted("the last, to another operator", "a")
	b.wantUnusable("the last, to another operator", "no Secret in namespace")

	for name, data := range map[string]map[string]string{"c": {"users": ""}, "d": {".users": aUser}} {
		b.labelled(name, phones, data)
		b.settle()
		b.wantUnusable(name, "the Secret "+name+", which spec.authentication selects, is empty")
		b.delete(name, &corev1.Secret{})
	}
}

// TestSelectedBesideNamed: each once, those that are named first, and none is needed
// beside them.
func TestSelectedBesideNamed(t *testing.T) {
	b := newBench(t)
	b.users(map[string]string{"a": aUser})
	b.create(func(c *v1alpha1.SIPCluster) { selects(phones, "users")(&c.Spec) })
	b.settle()
	b.wantMounted("none selected", "users")
	b.wantUnusable("none selected", "")
	users := &corev1.Secret{}
	b.get("users", users)
	users.Labels = phones
	b.ok(b.client.Update(t.Context(), users))
	b.labelled("a", phones, map[string]string{"users": aUser})
	b.settle()
	b.wantMounted("one is both", "users a")
}

// TestSelectedAreNotKeys: no pod gets what signs member sets, of whatever SIPCluster.
func TestSelectedAreNotKeys(t *testing.T) {
	b := newBench(t)
	b.allWell()
	b.labelled("signer", map[string]string{config.LabelCluster: "elsewhere", "holds": "phones"}, map[string]string{"signer.json": "{}"})
	b.users(map[string]string{"a": aUser})
	for name, labels := range map[string]map[string]string{"its own": desired.Labels("ring"), "another's": phones} {
		b.edit(selects(labels, "users"))
		b.settle()
		b.wantMounted(name, "users")
	}
}

// TestTooManySelected: what is mounted stays so, and no more comes to it than proxies read.
func TestTooManySelected(t *testing.T) {
	b := newBench(t)
	b.goesByItsClock()
	b.create(func(c *v1alpha1.SIPCluster) { selects(phones)(&c.Spec) })
	b.labelled("x", phones, map[string]string{"users": aUser})
	b.settle()
	for i := range desired.MaxSelected + 90 { // more than a page
		b.labelled(fmt.Sprintf("a-%03d", i), phones, map[string]string{"users": aUser})
		if i == desired.MaxSelected {
			b.settle()
			if got := strings.Fields(b.mounted()); len(got) != desired.MaxSelected || !slices.Contains(got, "x") {
				t.Errorf("mounted are %q", got)
			}
			b.wantUnusable("one too many", fmt.Sprintf("selects more than %d Secrets", desired.MaxSelected))
		}
	}
	before := b.mounted()
	for range 3 {
		b.settle()
		b.later(time.Minute)
	}
	b.wantMounted("by far too many", before)
	b.wantUnusable("by far too many", fmt.Sprintf("selects more than %d Secrets", desired.MaxSelected))
}

// TestSecretsThatMayNotBeListed: pods stay as they are, and the status says which right
// is missing; so it does where the API server fails.
func TestSecretsThatMayNotBeListed(t *testing.T) {
	b := newBench(t)
	b.users(map[string]string{"a": aUser})
	b.labelled("a", phones, map[string]string{"users": aUser})
	plain, err := client.NewWithWatch(server.Config, client.Options{Scheme: b.client.Scheme()})
	b.ok(err)
	var answer error
	flaky := interceptor.NewClient(plain, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, into client.ObjectList, opts ...client.ListOption) error {
			if _, ok := into.(*metav1.PartialObjectMetadataList); ok && answer != nil {
				return answer
			}
			return c.List(ctx, into, opts...)
		},
	})
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "", nil)
	away := apierrors.NewInternalError(context.DeadlineExceeded)
	b.restart(flaky)
	b.create(func(c *v1alpha1.SIPCluster) { asks(&c.Spec) })
	b.settle()
	for i := range 3 {
		b.pod(i, ready)
	}
	b.settle()
	b.seenTo(3)

	answer = forbidden
	b.edit(selects(phones))
	b.failing()
	b.wantMounted("no right from the first", "users")
	b.wantUnusable("no right from the first", "the operator may not list Secrets in namespace "+b.ns)
	b.wantStalled(true)
	answer = away
	b.failing()
	b.wantMounted("no answer from the first", "users")
	b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonReadFailed)

	answer = nil
	b.settle()
	b.wantMounted("a right", "a")
	b.seenTo(3)
	b.labelled("b", phones, map[string]string{"users": aUser})
	for name, restarts := range map[string]bool{"the right is gone": false, "the right is gone, to another operator": true} {
		answer = forbidden
		if restarts {
			b.restart(flaky)
		}
		b.settle()
		b.wantMounted(name, "a")
		b.wantUnusable(name, "the operator may not list Secrets in namespace "+b.ns)
		answer = away
		b.failing()
		b.wantMounted(name+", and there is no answer", "a")
	}
	answer = nil
	b.settle()
	b.wantMounted("the right is back", "a b")
}

// TestOperatorMaySelectSecrets: its role is not enough, as who may list Secrets reads
// all of them, and a Role of one verb is.
func TestOperatorMaySelectSecrets(t *testing.T) {
	b := newSerialBench(t)
	b.operator()
	b.labelled("a", phones, map[string]string{"users": aUser})
	b.create(func(c *v1alpha1.SIPCluster) { selects(phones)(&c.Spec) })
	b.await("a missing right", func() (string, bool) {
		c := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionDegraded)
		return fmt.Sprint(c), c != nil && strings.Contains(c.Message, "may not list Secrets")
	})
	role := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.ns, Name: "lists"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"list"}}},
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: role.ObjectMeta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: fmt.Sprintf("operator-%s-%d", b.ns, b.operators)}},
	}
	b.ok(b.client.Create(t.Context(), role))
	b.ok(b.client.Create(t.Context(), binding))
	b.wantMounted("with the right", "a") // which waits for a StatefulSet
}
