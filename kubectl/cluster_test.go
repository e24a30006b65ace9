package kubectl_test

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/peer"
)

// after is so long after the loss.
func after(d time.Duration) time.Time { return began.Add(d) }

// aCluster is one of three members.
func aCluster(name string) v1alpha1.SIPCluster {
	c := v1alpha1.SIPCluster{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "telephony"}}
	c.Spec.Ring.Replicas = 2
	c.Status = v1alpha1.SIPClusterStatus{
		Epoch: 42, ActiveMembers: 3, TotalMembers: 3, Replicas: 3,
		Conditions: []metav1.Condition{
			{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonServing, Message: "3 of 3 members serve"},
			{Type: v1alpha1.ConditionAvailable, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonServing},
			{Type: v1alpha1.ConditionDegraded, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonHealthy},
		},
		Keys: &v1alpha1.KeysStatus{Phase: "Current", IDs: []string{"1f0a2b3c"}},
	}
	for i, share := range []int32{334, 333, 333} {
		c.Status.Members = append(c.Status.Members, v1alpha1.MemberStatus{
			Name: fmt.Sprintf("%s-%d", name, i), Address: fmt.Sprintf("10.0.0.%d", i+1), Node: fmt.Sprintf("node-%d", i),
			Zone: "eu-1", State: "active", SharePermille: share,
		})
	}
	return c
}

func aPod(cluster string, i int) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-%d", cluster, i), Namespace: "telephony", UID: types.UID(fmt.Sprintf("uid-%d", i)),
			Labels: map[string]string{config.LabelCluster: cluster, "app.kubernetes.io/name": "sipring"},
		},
		Spec: corev1.PodSpec{NodeName: fmt.Sprintf("node-%d", i), Containers: []corev1.Container{
			{Name: "proxy", Ports: []corev1.ContainerPort{{Name: "sip", ContainerPort: 5060}, {Name: "admin", ContainerPort: 9090}}},
		}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: fmt.Sprintf("10.0.0.%d", i+1), ContainerStatuses: []corev1.ContainerStatus{{Name: "proxy"}}},
	}
}

// aStatus is what a proxy of three says, with its version beside it as /v1/status has it.
func aStatus(cluster string, i int) any {
	s := peer.Status{
		Cluster: cluster, ID: uint32(i + 1), Name: fmt.Sprintf("%s-%d", cluster, i), Epoch: 42, Ready: true,
		Partitions: peer.PartitionStatus{Total: 1024, Home: 341, Replica: 342},
		Bindings:   peer.BindingStatus{Home: 60 + i, Replica: 70 + i},
	}
	for k := range 3 {
		s.Members = append(s.Members, peer.MemberStatus{ID: uint32(k + 1), Name: fmt.Sprintf("%s-%d", cluster, k), State: "active", Liveness: "up", InRing: true, Share: 0.33})
	}
	return struct {
		peer.Status
		Transactions int    `json:"transactions"`
		Version      string `json:"version"`
	}{s, 7, "sipring v1.2.3 go1.26"}
}

// aWorld is a cluster of three, voice, that lost voice-0 a minute ago and has it again.
func aWorld() *world {
	w := &world{clusters: []v1alpha1.SIPCluster{aCluster("voice")}, proxies: map[string]any{}, forbidden: map[string]bool{}}
	for i := range 3 {
		w.pods = append(w.pods, aPod("voice", i))
		w.proxies[fmt.Sprintf("voice-%d/v1/status", i)] = aStatus("voice", i)
	}
	w.pods[0].Status.ContainerStatuses[0].RestartCount = 1
	w.proxies["voice-0/v1/events"] = []peer.Event{
		{Seq: 1, UnixNano: after(900 * time.Millisecond).UnixNano(), Kind: peer.EventMembers, Epoch: 42, Count: 3},
		{Seq: 2, UnixNano: after(1200 * time.Millisecond).UnixNano(), Kind: peer.EventSynced, Epoch: 42},
	}
	w.proxies["voice-1/v1/events"] = survivor(0, "EOF", 34)
	w.proxies["voice-2/v1/events"] = survivor(time.Millisecond, "read: connection reset by peer", 33)
	w.events = []corev1.Event{
		anEvent("SIPCluster", "voice", "MemberLost", "Warning", "voice-0 (10.0.0.1 on node-0) is out of the ring: its process ended, epoch 41", "sipring-operator", after(250*time.Millisecond)),
		anEvent("Pod", "voice-0", "MemberLost", "Warning", "voice-0 (10.0.0.1 on node-0) is out of the ring: its process ended, epoch 41", "sipring-operator", after(250*time.Millisecond)),
		anEvent("Pod", "voice-0", "Started", "Normal", "Container started", "kubelet", after(544*time.Millisecond)),
		anEvent("Pod", "other-0", "Started", "Normal", "Container started", "kubelet", after(544*time.Millisecond)),
		anEvent("SIPCluster", "voice", "MemberJoined", "Normal", "voice-0 (10.0.0.1 on node-0) is in the ring, epoch 42", "sipring-operator", after(1300*time.Millisecond)),
		anEvent("SIPCluster", "voice", "RingChanged", "Normal", "3 members are in the ring, epoch 40", "sipring-operator", after(-3*time.Hour)),
	}
	return w
}

// survivor has the events of one that loses voice-0 so long after the first one, and
// becomes home of so many bindings.
func survivor(late time.Duration, cause string, rehomed int) []peer.Event {
	at := func(d time.Duration) int64 { return after(late + d).UnixNano() }
	return []peer.Event{
		{Seq: 1, UnixNano: at(-time.Hour / 2), Kind: peer.EventRingChanged, Epoch: 40, Count: 3, Detail: "3 members: voice-0, voice-1, voice-2"},
		{Seq: 2, UnixNano: at(0), Kind: peer.EventPeerLost, Member: 1, Epoch: 40, Detail: cause},
		{Seq: 3, UnixNano: at(2 * time.Millisecond), Kind: peer.EventRingChanged, Epoch: 40, Count: 2, Detail: "2 members: voice-1, voice-2"},
		{Seq: 4, UnixNano: at(2 * time.Millisecond), Kind: peer.EventRehomed, Epoch: 40, Count: rehomed},
		{Seq: 5, UnixNano: at(800 * time.Millisecond), Kind: peer.EventPeerUp, Member: 1, Epoch: 41},
		{Seq: 6, UnixNano: at(1310 * time.Millisecond), Kind: peer.EventRingChanged, Epoch: 42, Count: 3, Detail: "3 members: voice-0, voice-1, voice-2"},
	}
}

func anEvent(kind, name, reason, severity, note, by string, at time.Time) corev1.Event {
	return corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name + "." + reason, Namespace: "telephony"},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name, Namespace: "telephony"},
		Reason:         reason, Type: severity, Message: note, ReportingController: by, EventTime: metav1.NewMicroTime(at),
	}
}
