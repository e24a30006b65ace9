// Package application is what a proxy knows of the applications beside it and beside the other members: whether each
// serves, the calls that its own one has, and to which of them the new calls of an address-of-record are pinned.
//
//   - [Health] judges the results of checks, [Checker] makes them.
//   - [Table] is what is known of each member's application, [AppendState] and [CutState] what members tell each other.
//   - [Calls] counts the calls of the own application, by address-of-record, and says when which pin is to be written.
//   - [Pin] and what stands beside it are the pins as the cluster keeps them.
//   - [Local] puts together what this member tells of its own application.
//
// # Invariants
//
//   - What nothing is known of does not serve.
//   - Nothing here moves a binding, an epoch or the readiness of a proxy.
//   - Whatever is kept is bounded. What is over a bound is refused and counted.
//   - Reading a Table takes no lock. Nothing here is asked per message but for that.
package application
