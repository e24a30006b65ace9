package v1alpha1

// Types of the conditions of a SIPCluster. Ready, Reconciling and Stalled are
// what kstatus goes by, and with it Flux, Argo CD, kpt and helm --wait.
const (
	// ConditionReady is True while the cluster is what the spec asks for and
	// serves: all members are in the ring, and nothing is in its way. Phones may be
	// served without it: ConditionAvailable says so. It is Unknown before the
	// operator has seen the SIPCluster. Its reasons are those of what is amiss.
	ConditionReady = "Ready"
	// ConditionReconciling is there, and True, while the cluster is on its way to
	// what the spec asks for and gets there by itself.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is there, and True, while it does not get there before
	// somebody mends something.
	ConditionStalled = "Stalled"
	// ConditionAvailable is True while at least one member is in the ring:
	// phones are served.
	ConditionAvailable = "Available"
	// ConditionProgressing is True while pods or members are on their way to
	// what the spec asks for.
	ConditionProgressing = "Progressing"
	// ConditionPaused is there, and True, while spec.paused is.
	ConditionPaused = "Paused"
	// ConditionDegraded is True while something is broken or at risk; its
	// reason and message say what and how to mend it.
	ConditionDegraded = "Degraded"
)

// Reasons of ConditionReady alone.
const (
	// ReasonPending: the operator has not seen the SIPCluster yet.
	ReasonPending = "Pending"
	// ReasonRetrying: something could not be carried out, and is tried again.
	ReasonRetrying = "Retrying"
)

// Reasons of ConditionAvailable.
const (
	// ReasonServing: members are in the ring.
	ReasonServing = "Serving"
	// ReasonNoActiveMember: no member is in the ring.
	ReasonNoActiveMember = "NoActiveMember"
	// ReasonStopped: spec.replicas is 0.
	ReasonStopped = "Stopped"
	// ReasonFamilyMismatch: no pod has an address of a family of the Service. It
	// is one of ConditionDegraded too, where some have none.
	ReasonFamilyMismatch = "FamilyMismatch"
	// ReasonMembersNotReady: no pod is ready, and the last ring is kept. It is
	// one of ConditionDegraded too.
	ReasonMembersNotReady = "MembersNotReady"
)

// Reasons of ConditionProgressing.
const (
	// ReasonStable: what is asked for is there.
	ReasonStable = "Stable"
	// ReasonScaling: pods are being added or removed.
	ReasonScaling = "Scaling"
	// ReasonUpdating: pods are replaced one at a time.
	ReasonUpdating = "Updating"
	// ReasonMembersMoving: members join or drain.
	ReasonMembersMoving = "MembersMoving"
	// ReasonUpdateWaiting: what a newer operator changes in the pods waits until
	// others of its SIPClusters are updated.
	ReasonUpdateWaiting = "UpdateWaiting"
	// ReasonPaused: spec.paused holds changes back. It is that of ConditionPaused
	// too.
	ReasonPaused = "Paused"
	// ReasonWaitingForAddress: the load balancer has assigned no address yet.
	ReasonWaitingForAddress = "WaitingForAddress"
)

// Reasons of ConditionDegraded.
const (
	// ReasonStarting: the first members are still on their way.
	ReasonStarting = "Starting"
	// ReasonGrowing: members that were asked for lately are still on their way,
	// and none was lost.
	ReasonGrowing = "Growing"
	// ReasonHealthy: nothing is wrong.
	ReasonHealthy = "Healthy"
	// ReasonInvalidTemplate: spec.template cannot be merged or is refused.
	ReasonInvalidTemplate = "InvalidTemplate"
	// ReasonNameConflict: an object of that name belongs to someone else.
	ReasonNameConflict = "NameConflict"
	// ReasonKeysUnusable: the Secret with the keys is missing or damaged while
	// pods run.
	ReasonKeysUnusable = "KeysUnusable"
	// ReasonPortClash: a port is taken.
	ReasonPortClash = "PortClash"
	// ReasonReadFailed: the API server does not tell the operator what is there.
	ReasonReadFailed = "ReadFailed"
	// ReasonPublishFailed: the API server refused the member set or the
	// endpoints, so that proxies or phones go by old ones.
	ReasonPublishFailed = "PublishFailed"
	// ReasonApplyFailed: the API server refused another object.
	ReasonApplyFailed = "ApplyFailed"
	// ReasonNamespaceProtected: the namespace is one of Kubernetes itself, where the
	// operator writes nothing.
	ReasonNamespaceProtected = "NamespaceProtected"
	// ReasonNamespaceTerminating: the namespace is being deleted, and takes no new
	// objects.
	ReasonNamespaceTerminating = "NamespaceTerminating"
	// ReasonPodsNotCreated: pods that were asked for are not made, as for a quota.
	ReasonPodsNotCreated = "PodsNotCreated"
	// ReasonImageUnavailable: the image cannot be pulled.
	ReasonImageUnavailable = "ImageUnavailable"
	// ReasonCrashLooping: a proxy does not stay up.
	ReasonCrashLooping = "CrashLooping"
	// ReasonPodStartFailed: a pod's container cannot be made, or is not made in time.
	ReasonPodStartFailed = "PodStartFailed"
	// ReasonUnschedulable: no node takes a pod.
	ReasonUnschedulable = "Unschedulable"
	// ReasonNoQuorum: at most half of the members are in the ring, so that
	// they can evict nobody.
	ReasonNoQuorum = "NoQuorum"
	// ReasonMemberEvicted: the others do not reach a member.
	ReasonMemberEvicted = "MemberEvicted"
	// ReasonNodeLost: the node of a member is not heard of, or was deleted.
	ReasonNodeLost = "NodeLost"
	// ReasonMemberNotReady: a proxy runs, or did, and does not serve.
	ReasonMemberNotReady = "MemberNotReady"
	// ReasonUnderReplicated: fewer members in the ring than copies asked for.
	ReasonUnderReplicated = "UnderReplicated"
)

// Reasons of the Events on a SIPCluster.
const (
	// EventMemberJoined: a member is in the ring.
	EventMemberJoined = "MemberJoined"
	// EventMemberDraining: a member hands over.
	EventMemberDraining = "MemberDraining"
	// EventMemberLost: a member left the ring unasked.
	EventMemberLost = "MemberLost"
	// EventMemberLeft: a member that was draining is gone.
	EventMemberLeft = "MemberLeft"
	// EventRingChanged: the ring has a new epoch.
	EventRingChanged = "RingChanged"
	// EventRollingUpdateStarted: pods are going to be replaced; the note says why.
	EventRollingUpdateStarted = "RollingUpdateStarted"
	// EventRollingUpdateDone: all pods are replaced, and in the ring.
	EventRollingUpdateDone = "RollingUpdateDone"
	// EventUpdateWaiting: what a newer operator changes waits for other SIPClusters.
	EventUpdateWaiting = "UpdateWaiting"
	// EventTurnLapsed: nothing can be carried out for it, and others do not wait for it.
	EventTurnLapsed = "TurnLapsed"
	// EventPaused and EventResumed: spec.paused changed.
	EventPaused  = "Paused"
	EventResumed = "Resumed"
	// EventForeignEndpoints: endpoints of the client Service that somebody else
	// made were removed.
	EventForeignEndpoints = "ForeignEndpoints"
)
