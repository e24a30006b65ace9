package kubectl_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/testapi"
	"github.com/sipring/sipring/kubectl"
)

var server *testapi.Server

func TestMain(m *testing.M) {
	os.Exit(testapi.Run(m, func(s *testapi.Server) { server = s }))
}

// as runs a command line as a user of the real API server.
func as(t *testing.T, user *rest.Config, args ...string) (stdout string, err error) {
	t.Helper()
	dir := t.TempDir()
	flags := []string{"--server", user.Host, "--namespace", "real"}
	for flag, data := range map[string][]byte{"certificate-authority": user.CAData, "client-certificate": user.CertData, "client-key": user.KeyData} {
		file := filepath.Join(dir, flag)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, "--"+flag, file)
	}
	t.Setenv("KUBECONFIG", filepath.Join(dir, "none"))
	var out bytes.Buffer
	cmd := kubectl.New(kubectl.Options{
		Streams: genericclioptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out}, Tick: 10 * time.Millisecond,
	})
	cmd.SetArgs(append(flags, args...))
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// realCluster is one on the API server, with two pods that no kubelet knows.
func realCluster(t *testing.T, s *testapi.Server) {
	t.Helper()
	c := &v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Name: "voice", Namespace: "real"}}
	c.Spec.Domains, c.Spec.Authentication = []v1alpha1.Domain{"example.com"}, &v1alpha1.Authentication{Open: &v1alpha1.Open{}}
	objects := []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "real"}}, c}
	for i := range 2 {
		pod := aPod("voice", i)
		pod.Namespace, pod.UID, pod.Spec.NodeName = "real", "", ""
		pod.Spec.Containers[0].Image = "none"
		objects = append(objects, &pod)
	}
	for _, o := range objects {
		if err := s.Client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	claim := claimed("sipring-system/operator", 0)
	claim.Namespace, claim.Name, claim.Spec.RenewTime = "real", "voice-claim", new(metav1.NewMicroTime(time.Now().Add(-time.Hour)))
	if err := s.Client.Create(t.Context(), claim); err != nil {
		t.Fatal(err)
	}
	pod := objects[2].(*corev1.Pod)
	pod.Status.Phase = corev1.PodRunning
	c.Status.ActiveMembers, c.Status.TotalMembers = 1, 2
	c.Status.Conditions = []metav1.Condition{{
		Type: v1alpha1.ConditionDegraded, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonMemberNotReady, Message: "voice-1", LastTransitionTime: metav1.Now(),
	}, {
		Type: v1alpha1.ConditionAuthenticationOpen, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonOpen, Message: "anyone", LastTransitionTime: metav1.Now(),
	}}
	c.Status.Members = []v1alpha1.MemberStatus{{Name: "voice-0", State: "active", SharePermille: 1000}}
	for _, o := range []client.Object{pod, c} {
		if err := s.Client.Status().Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRealServer: the API server understands what it is asked, and what it refuses is
// understood.
func TestRealServer(t *testing.T) {
	s := testapi.Need(t, server)
	realCluster(t, s)
	subscribers := s.User(t, "subscribers", "../config/rbac/subscribers.yaml")
	observers := s.User(t, "observers", "../config/rbac/observers.yaml")
	tests := []struct {
		user    *rest.Config
		args    string
		out     []string
		problem string
	}{
		{s.Config, "status", []string{"SIPCluster real/voice", "1 of 2 members", "Degraded is True: MemberNotReady: voice-1", "AuthenticationOpen is True: Open: anyone", "voice-1 does not answer: its pod is Pending", "100.0 %"}, ""},
		{s.Config, "status -A -o json", []string{`"namespace": "real"`}, ""},
		{s.Config, "events", []string{"does not answer"}, ""},
		{s.Config, "where sip:bob@example.com", nil, "voice-1: its pod is Pending"},
		{s.Config, "keys rotate --request now", []string{`request "now"`}, ""},
		{s.Config, "drain voice-1 --timeout 30s", []string{"voice-1 is evicted", "voice-1 is gone", "1 of 2 members"}, ""},
		{subscribers, "status", []string{"SIPCluster real/voice", "no operator carries this cluster out since 20", `by pods/proxy: you lack the right to get pods/proxy in namespace "real"`, "by pods/exec: "}, ""},
		{subscribers, "status -A", []string{"real/voice"}, ""},
		{observers, "status", []string{"SIPCluster real/voice", "no operator carries this cluster out since 20", "voice-0 does not answer: by pods/proxy: address not allowed", `by pods/exec: you lack the right to create pods/exec in namespace "real"`}, ""},
		{observers, "events", []string{"voice-0 does not answer: by pods/proxy: "}, ""},
		{observers, "where sip:bob@example.com", nil, `you lack the right to create pods/exec in namespace "real"`},
		{observers, "drain voice-0", nil, `you lack the right to create pods/eviction in namespace "real"`},
		{subscribers, "keys rotate", nil, `you lack the right to patch sipclusters.sipring.io in namespace "real"`},
		{subscribers, "drain voice-0", nil, `you lack the right to create pods/eviction in namespace "real"`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			out, err := as(t, tt.user, strings.Fields(tt.args)...)
			for _, want := range tt.out {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			switch {
			case tt.problem == "" && err != nil:
				t.Error(err)
			case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
				t.Errorf("error %v, want one with %q", err, tt.problem)
			}
		})
	}
	c := &v1alpha1.SIPCluster{}
	if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: "real", Name: "voice"}, c); err != nil || c.Annotations[v1alpha1.AnnotationRotateKeys] != "now" {
		t.Errorf("annotations %v, error %v, want the request", c.Annotations, err)
	}
}

// TestRealExec: whoever may look but not run programs in pods is told so, and for
// others the way to a pod fails at the pod.
func TestRealExec(t *testing.T) {
	s := testapi.Need(t, server)
	looking := filepath.Join(t.TempDir(), "role.yaml")
	role := "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: looking}\nrules:\n" +
		"- {apiGroups: [sipring.io, \"\"], resources: [sipclusters, pods], verbs: [get, list]}\n"
	if err := os.WriteFile(looking, []byte(role), 0o600); err != nil {
		t.Fatal(err)
	}
	user := s.User(t, "looking", looking)
	if _, err := as(t, user, "where", "sip:bob@example.com"); err == nil || !strings.Contains(err.Error(), `you lack the right to create pods/exec in namespace "real"`) {
		t.Errorf("error %v, want one for want of pods/exec", err)
	}
	if _, err := as(t, s.Config, "where", "sip:bob@example.com"); err == nil || strings.Contains(err.Error(), "right") || !strings.Contains(err.Error(), "voice-0: ") {
		t.Errorf("error %v, want one about voice-0", err)
	}
}
