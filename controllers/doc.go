// Package controllers carries out SIPClusters, by two controllers. The publisher
// observes a cluster's objects and pods, decides who is a member (package
// membership) and publishes the member set and the endpoints. The applier goes on
// from what that saw: it applies the objects (package desired) and reports the
// status.
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
