// Package controllers carries out SIPClusters, by two controllers. The publisher
// observes a cluster's objects and pods, decides who is a member (package
// membership) and publishes the member set and the endpoints. The applier goes on
// from what that saw: it applies the objects (package desired) and reports the
// status.
//
// Their parts know what they need and nothing of each other but what is named here:
//
//	Publisher    observer       what there is: signers (its keys), records (the set published last)
//	             memberSets     publishes the member set; announcer tells what it changed
//	             endpoints      publishes the EndpointSlices
//	             claims         which installation carries a SIPCluster out
//	Applier      shortages      whether pods are missing
//	             credentials    whether the Secrets of the users' credentials are there
//	             certificates   the same of the listeners' certificates, and whether they can be used
//	             objects        the steps: keys, trust, access, services, policies, then rollouts
//	             rollouts       when pods may be replaced (turns), and by what (workload)
//	             sweeper        removes foreign endpoints
//	             reporter       status and Events
//	both         passes         hands what the Publisher saw to the Applier
//	             writer         applies an object that is ours, or adopts it (adoption)
//
// Invariants:
//
//   - Level-triggered: every pass starts from what is there, so it may stop
//     anywhere and begin anew, in another process too.
//   - What steers calls comes first: the member set, then the EndpointSlices,
//     then everything else. Nothing in the rest holds it up, be it a fault or a
//     request that is not answered.
//   - A cluster's trouble costs others nothing: each request to the API server
//     has a deadline, and clusters whose requests are not answered have few of
//     the workers.
//   - The published epoch never falls. The member set is written only onto the
//     version of the ConfigMap that the decision was made from; any other
//     writer makes the pass start again.
//   - The keys are created once, before there are pods, and never overwritten.
//   - The pods' template of a SIPCluster that nobody changed is written only when it
//     has a turn (Rolling), and the turn is written with it.
//   - An object that belongs to somebody else is left alone and reported, save
//     endpoints of our own client Service, which are removed.
package controllers
