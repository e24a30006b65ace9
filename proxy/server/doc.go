// Package server is the data path of the proxy: message in, decision, message
// out. It wires wire, routing, targets, forward, transaction, transport and the
// cluster together and holds no SIP rule that could live in one of them. What it
// has of its own is the life of a request: who has it, and what it waits for (see
// progress).
//
// # A request's way
//
// A loop of the transport scans the message (malformed: answered at a limited rate, or
// dropped), finds its transaction ID, and asks routing.Tables.Decide. A REGISTER
// goes to its home through the cluster and is answered from there; it has no
// transaction, as registering twice the same is answered the same. Everything
// else gets a context in the transaction table, and leaves for its targets with
// our Via, Record-Route and one Max-Forwards less. What is refused before anything
// was sent for it leaves no context: its retransmission is refused again, and its
// ACK is told by the To tag that every pod gives. ACK to a 2xx, and CANCEL and
// ACK whose transaction another pod held, leave without a transaction, with the
// branches that every pod gives them. An ACK of no transaction that came without
// a token is offered to the other members as well, at a limited rate: the one
// that sent the failure it acknowledges stops repeating it. The ACK of a
// re-INVITE's failure is not, as nothing tells it from that of a 2xx: it goes to
// the callee, whom the one that sent the failure has acknowledged itself. But who
// repeats a failure tells the others what it waits for, and the ACK of the
// repetition comes to it.
//
// A request that comes back because nobody listens at its target ends its branch
// as a 503 would (RFC 3261 16.9), if the ICMP error quotes the branch. Where
// processes share an address the error may come to another of them, which hands
// the branch to its owner. A host or network out of reach ends nothing: that may
// pass while the request is repeated.
//
// A request outside a dialog for a place that is not ours may be for a phone's
// contact. The binding that has it is found by the user part, or by asking all
// members (package cluster), and gets the request alone; 404 if there is none.
//
// A connection is one member's, and used by all: what is to go over another member's is
// given to that (relay.go). Connections that are over are noted (deaths.go); what nobody
// has answered over one, and a call that rang there, is looked for another way (lost.go,
// ringing.go), within a dialog by what its token says of the end (rehome.go), and waits
// where there is none until the phone has registered again, by whatever member
// (waiting.go, awaited.go).
//
// Over UDP a phone behind NAT is reached by one member, too: the one that its packets come to
// owns the flow (source.go, taken.go). When that is gone the others wait for the next packet
// of the phone (away.go), by which one of them takes the flow over (claim.go). Why it is those
// packets, and not each of an unknown source, that are asked about: away.go.
//
// # A response's way
//
// Its topmost Via is ours or it is dropped. The member that the Via names as its
// owner takes it, or, when that is dead or has started anew since, the
// transaction table here, or it is forwarded by its next Via alone. A response to
// a transaction that this process has ended is dropped (RFC 6026 7.3), and so is
// one to an ACK. One whose Via lost the owner on its way is offered to the other
// members, at a limited rate: whoever holds the transaction takes it, the others
// drop it. If that one is dead and the hop is lost too, so is the response:
// nothing proves where it may go.
//
// Two members may hold the same INVITE, where the network hands a retransmission
// to another one than the first copy: one transaction at the phone, which answers
// the first. A member that repeats an INVITE which nobody answered therefore asks
// the others, and leaves it to the one that has an answer.
//
// # Invariants
//
//   - Nothing is sent where the egress policy refuses, nor to an address that only
//     its own message names: see origin.go.
//   - Nothing is sent on the word of a message alone: requests go to bindings
//     or where a token says, responses along Vias we signed for.
//   - What leaves is what forward makes, and what transaction makes of that.
//   - A request is released once, in one place, when its last step is done.
//   - Memory per message is bounded, pooled and reused; what is remembered of source
//     addresses, and counted of them, is bounded: see facts.go.
//   - What one source may cause is bounded, and no source can use up what others
//     need: see limiter.go.
//   - What is made here for a source that is not known to receive is at most twice
//     what came from it: see proof.go.
package server
