package controllers_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
)

// TestBrokenManifests: what the API server takes and cannot work is told by a
// condition, in words that name the field or object and what to do; Ready is not
// True, so that tools wait or fail. What the API server itself refuses is in
// TestRefused of package v1alpha1.
func TestBrokenManifests(t *testing.T) {
	const invalid, conflict = v1alpha1.ReasonInvalidTemplate, v1alpha1.ReasonNameConflict
	tests := map[string]struct {
		spec   string
		before func(b *bench)
		reason string
		want   string
	}{
		"field in the wrong case":        {spec: "template: {spec: {terminationgraceperiodseconds: 100}}", reason: invalid, want: "names of fields are case-sensitive"},
		"field of a container, likewise": {spec: "template: {spec: {containers: [{name: proxy, Resources: {}}]}}", reason: invalid, want: "containers[0].Resources"},
		"misspelt field":                 {spec: "template: {spec: {tolerationss: []}}", reason: invalid, want: "tolerationss"},
		"field of a wrong type":          {spec: "template: {spec: {tolerations: many}}", reason: invalid, want: "spec.template.spec"},
		"limits in words":                {spec: "template: {spec: {containers: [{name: proxy, resources: {limits: {memory: lots}}}]}}", reason: invalid, want: "quantities"},
		"requests above limits":          {spec: "template: {spec: {containers: [{name: proxy, resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}}]}}", reason: invalid, want: "must be less than or equal to memory limit"},
		"toleration of no kind":          {spec: "template: {spec: {tolerations: [{key: a, operator: Perhaps}]}}", reason: invalid, want: "operator"},
		"node selector":                  {spec: "template: {spec: {nodeSelector: {'a b': c}}}", reason: invalid, want: "nodeSelector"},
		"label":                          {spec: "template: {labels: {a: 'b c'}}", reason: invalid, want: "labels"},
		"label of the Service":           {spec: "service: {labels: {a: 'b c'}}", reason: v1alpha1.ReasonApplyFailed, want: "metadata.labels"},
		"inherited label":                {spec: "inheritedMetadata: {labels: {a: 'b c'}}", reason: v1alpha1.ReasonApplyFailed, want: "metadata.labels"},
		"label of the operator's":        {spec: "template: {labels: {sipring.io/cluster: other}}", reason: invalid, want: "use another key"},
		"annotation of the operator's":   {spec: "template: {annotations: {sipring.io/config: mine}}", reason: invalid, want: "set the fields of spec instead"},
		"container without an image":     {spec: "template: {spec: {containers: [{name: pbx, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]}}", reason: invalid, want: "image"},
		"volume that is not there":       {spec: "template: {spec: {containers: [{name: proxy, volumeMounts: [{name: mine, mountPath: /mine}]}]}}", reason: invalid, want: "mine"},
		"proxy removed":                  {spec: "template: {spec: {containers: [{name: proxy, $patch: delete}]}}", reason: invalid, want: "must stay"},
		"proxy as an init container":     {spec: "template: {spec: {initContainers: [{name: proxy, image: a}]}}", reason: invalid, want: "choose another name"},
		"command":                        {spec: "template: {spec: {containers: [{name: proxy, command: [sh]}]}}", reason: invalid, want: "remove it"},
		"args":                           {spec: "template: {spec: {containers: [{name: proxy, args: [--help]}]}}", reason: invalid, want: "set the fields of spec"},
		"another probe":                  {spec: "template: {spec: {containers: [{name: proxy, readinessProbe: {httpGet: {path: /, port: 80}}}]}}", reason: invalid, want: "change their times only"},
		"environment":                    {spec: "template: {spec: {containers: [{name: proxy, env: [{name: POD_NAME, $patch: delete}]}]}}", reason: invalid, want: "use another name"},
		"volume of the operator's":       {spec: "template: {spec: {volumes: [{name: keys, secret: {secretName: mine}}]}}", reason: invalid, want: "use another name"},
		"no token":                       {spec: "template: {spec: {automountServiceAccountToken: false}}", reason: invalid, want: "remove it, or mount a token"},
		"no time to drain":               {spec: "template: {spec: {terminationGracePeriodSeconds: 1}}", reason: invalid, want: "lower spec.drainSeconds"},
		"proxy never restarted":          {spec: "template: {spec: {containers: [{name: proxy, restartPolicy: Never}]}}", reason: invalid, want: "remove it"},
		"account by its old name":        {spec: "template: {spec: {serviceAccount: other}}", reason: invalid, want: "use serviceAccountName"},
		"file of a mount":                {spec: "template: {spec: {containers: [{name: proxy, volumeMounts: [{name: keys, mountPath: /etc/sipring/keys, subPath: keys.json}]}]}}", reason: invalid, want: "must stay as it is"},
		"start-up probe":                 {spec: "template: {spec: {containers: [{name: proxy, startupProbe: {tcpSocket: {port: 7948}}}]}}", reason: invalid, want: "change their times only"},
		"hook that sleeps":               {spec: "template: {spec: {containers: [{name: proxy, lifecycle: {preStop: {sleep: {seconds: 30}}}}]}}", reason: invalid, want: "needs 70 seconds in all"},
		"never restarted":                {spec: "template: {spec: {restartPolicy: OnFailure}}", reason: invalid, want: "remove it"},
		"the nodes' network":             {spec: "template: {spec: {hostNetwork: true}}", reason: invalid, want: "--template-allow=hostNetwork"},
		"privileged":                     {spec: "template: {spec: {containers: [{name: proxy, securityContext: {privileged: true, allowPrivilegeEscalation: true}}]}}", reason: invalid, want: "--template-pod-security"},
		"path of a node":                 {spec: "template: {spec: {volumes: [{name: etc, hostPath: {path: /etc}}]}}", reason: invalid, want: "hostPath"},
		"container that may do anything": {spec: "template: {spec: {containers: [{name: pbx, image: a}]}}", reason: invalid, want: `container "pbx" must set`},
		"node port out of range":         {spec: "service: {type: LoadBalancer}\nlisteners: [{name: udp, protocol: UDP, nodePort: 1024}]", reason: v1alpha1.ReasonApplyFailed, want: "nodePort"},
		"Service of somebody else": {before: func(b *bench) {
			b.theirs(&corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}}}, "ring")
		}, reason: conflict, want: "Service ring exists and belongs to nobody: remove it, or give the SIPCluster another name"},
		"Service of another SIPCluster": {before: func(b *bench) {
			o := &corev1.Service{Spec: corev1.ServiceSpec{ClusterIP: "None"}}
			o.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.Kind, Name: "other", UID: "u", Controller: new(true)}}
			b.theirs(o, "ring-peers")
		}, reason: conflict, want: "Service ring-peers exists and belongs to SIPCluster other (u): give one of the two SIPClusters another name"},
		"ConfigMap of somebody else": {before: func(b *bench) { b.theirs(&corev1.ConfigMap{}, "ring-trust") }, reason: conflict, want: "ConfigMap ring-trust exists"},
		"account of somebody else":   {before: func(b *bench) { b.theirs(&corev1.ServiceAccount{}, "ring-proxy") }, reason: conflict, want: "ServiceAccount ring-proxy exists"},
		"Secret that holds no keys": {before: func(b *bench) {
			b.theirs(&corev1.Secret{StringData: map[string]string{"keys.json": "{}"}}, "ring-keys")
		}, reason: v1alpha1.ReasonKeysUnusable, want: "restore it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			if tt.before != nil {
				tt.before(b)
			}
			b.create(func(c *v1alpha1.SIPCluster) { b.ok(yaml.UnmarshalStrict([]byte(tt.spec), &c.Spec)) })
			for range 2 {
				_ = b.reconcile() // the condition is what a user sees
			}
			degraded := b.condition(v1alpha1.ConditionDegraded)
			if degraded.Status != metav1.ConditionTrue || degraded.Reason != tt.reason || !strings.Contains(degraded.Message, tt.want) {
				t.Errorf("Degraded is %s, %s: %s\nwant True, %s, with %q", degraded.Status, degraded.Reason, degraded.Message, tt.reason, tt.want)
			}
			if meta.IsStatusConditionTrue(b.cluster().Status.Conditions, v1alpha1.ConditionReady) {
				t.Error("Ready is True")
			}
		})
	}
}

// theirs makes an object that is not the operator's.
func (b *bench) theirs(o client.Object, name string) {
	b.Helper()
	o.SetNamespace(b.ns)
	o.SetName(name)
	b.ok(b.client.Create(b.Context(), o))
}
