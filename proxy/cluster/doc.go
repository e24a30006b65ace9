// Package cluster decides who holds which registrations, and keeps what was acknowledged from being lost. It is pure:
// no clock, goroutine, lock or socket. Package peer drives it in a process, package sim in a simulation.
//
// [Membership] turns the published member set and what is known of the peers into a [View]: who is up, and the ring that
// follows. A [Core] holds the records of every [Cores]th partition, runs the operations on them, and speaks with the
// same core of the other members in messages that it reads and writes itself. Every method is one step: an event in,
// [Effects] out.
//
// # Roles
//
// A Core takes time, views and messages to its roles, each of which owns what it has under way, in a file of its name.
// Those further up know those further down, and all know self: the configuration, the view, the clock, the records and the
// counts.
//
//   - operations, the ops under way: requests are what this member was asked for (request.go, read.go), orders are
//     updates, ordered here or elsewhere (order.go, replicate.go, confirm.go). The two call each other: a request is
//     ordered here or sent on, and an order that lost is requested again.
//   - sweeper passes over the partitions; handover drops those that others own, once they have them; comparer
//     (compare.go) asks by checksum; repairer (repair.go) fetches what differs.
//   - syncer (fill.go) fetches what this member is to hold. It and the repairer do so by snapshots (pull.go).
//   - announcer tells the peers what is here.
//   - partitions are what this member has and knows of each partition. become.go is the one place where that changes,
//     coverage.go who else has all of it.
//   - absences are what was acknowledged without whom, and budget is how much room there is.
//   - announcements says which of them each of the peers has confirmed.
//
// # What is promised
//
// Let at most R-1 members be down or not synced at a time, and streams between living members at worst break and stand
// again. Then (1) a REGISTER that was answered 200 is found by every later lookup, by whichever member, until it expires
// or is superseded; (2) what a 200 confirmed to be removed or superseded is not found again; (3) a lookup answers
// [NotFound] only where that is so, and not because a member is new, restarted, or has just taken over; (4) a 200 means
// that min(R, live) members hold the result.
//
// # How: who serves, hears everything
//
// Views differ between members for moments, and during trouble for longer, so no rule here depends on two members
// having the same view. The rules are about what one member tells another on an ordered stream.
//
// For each partition a member is none, filling, held or leaving, and announces every change to every peer, who confirm
// it. Only who is held or leaving serves: answers lookups and orders updates. The member that orders an update applies
// it, sends it to its targets, and answers 200 when all that live have confirmed. Targets are the owners in its ring
// and in the ring to come, for the copies; and every member that has announced filling, held or leaving, for the reads.
//
// A: who serves has announced itself to every member that may order updates, and has their confirmation. From filling
// to held a member waits for the confirmations of all its peers. A member that appears later is told everything at once,
// and serves only after its own announcement has been confirmed by all, which they do on the same stream after telling
// theirs.
//
// B: a confirmation covers what is under way. Whoever confirms an announcement first adds the newcomer to the targets of
// its updates that are not answered yet.
//
// C: who becomes held has what was acknowledged before. It fetches only after the confirmations, from one member that
// serves, and therefore, by A and B, has every update answered before; every update answered later comes by itself. If
// nobody serves the partition (first start, or R members lost) it asks everyone twice: two rounds, because a member may
// have passed the partition on and dropped it between two answers of the first. Then it takes what there is from
// everyone. If a published member was out of reach meanwhile, that conclusion is in doubt, and is drawn again when any
// member comes, as soon as its first announcement is there, until when nothing is served; but not for a process that says
// in it that nothing has been stored there since it began, and so knows of nothing. Every published member may hold data, those published as joining too: whoever publishes may be late. And
// nothing is concluded by a member that reaches nobody while others are published as active: that it is cut off is more
// likely than that all others are gone. It serves what it holds, and nothing else until it meets one, or they are
// published as joining or no more. Whoever starts with a set in which there is nobody else concludes at once that it is
// the first, which an old set may have made it believe. It takes that back when a set lists another as active that it has
// never met, or when one says as they meet that it is synced: who comes after the first has met it before it is either.
//
// By A every serving member is a target of every update, so a 200 follows its confirmation: (1), (2) and (3). A restart
// in place is a new incarnation: it begins with none, and what the others knew of the old one is forgotten when its
// stream stands, including its confirmations of updates under way. The answer counts live targets that confirmed, and
// the owners to come are among them: (4).
//
// D: the last serving member does not leave. Who no longer owns a partition is leaving, still serving, until all owners
// are held by their own announcement, made with knowledge of this one's leaving (they have confirmed it); so of two
// members that leave, neither relies on the other. Owners are those of the ring in force and of the ring to come, and
// they must be min(R, published members that do not leave): who is down for a moment is waited for. They must also have
// what is here, since after a partition of the network there can be more than they heard of: equal checksums say so, or
// their own word that they have fetched all of it. That counts for one fetch, from the first record on, by one process from
// another; what has been sent is not there yet. An update that was not sent to a member ends what is known of it, and so
// does its word that it holds the partition no more. One that was sent to it too may still be on its way. Then whoever
// orders the update waits for that member; and if it gives that one up, it counts no copy at a member that leaves.
//
// Two members may order updates of one AOR at the same time under different views. Both are targets of each other, and
// versions decide (package location): the clock in them is this member's, moved up to the fastest clock it has heard
// of, so that of two updates one after the other the later wins whoever ordered it. The confirmation of an update brings
// what has won over it. If that is an older one of the same phone, by Call-ID and CSeq, the update is ordered once more,
// above it, before it is answered. So clocks may be off by any time.
//
// A member that was taken for dead, and has not heard of it, may also order a late copy of a request after a later one was
// acknowledged without it. Whoever then sees both, with the older one above, puts what the later one left directly above
// that (location.Reordered): by CSeq, and only if the older one was ordered within [location.OrderFor] of the later.
//
// # A process that was taken for dead
//
// While a member takes another for dead it acknowledges updates without it. It keeps, for each such member, which
// partitions these were in, and tells it with the first announcement on the next stream, again and again until that is
// confirmed. The other one, if it is the same process, fetches those partitions anew before it serves them, and the rest
// is in no doubt: one member's false suspicion stops nobody. Where each took the other for dead neither knows better:
// both serve on, and compare.
//
// A process that goes on after a second without the CPU does not know yet that it was taken for dead, or by whom. So after
// a gap in its steps, or the first peer's word, a member serves nothing until every peer has confirmed an announcement
// sent since, which it does after its own: a round trip where all are there. What the member lost without such a word
// counts as concluded alone.
//
// # When more fails
//
// A stream that stands again between the same incarnations lost what was in it: both sides announce everything again
// and resend what was not confirmed. A target reached by a common peer but not by the member that orders (a partial
// partition) gets the update relayed. Members that took each other for dead go on with the ring each has; when they
// meet, held partitions are compared by checksum and the differences fetched both ways. The same comparison runs all
// the time, slowly. During a partition of the network both sides acknowledge; afterwards the later update of a contact
// wins. A removal that one side confirmed without knowing the contact does not remove the other side's.
//
// # Operations
//
// The member a phone reached keeps the op and asks the first owner that serves; lookups are answered locally where
// possible, asked of a second holder after [CoreConfig].HedgeAfter, and again of another when the first is lost or says
// that it does not serve. If nobody serves, ops wait. After Timeout a REGISTER is answered 503 and a lookup is
// [Unavailable], which is not NotFound. A retransmitted REGISTER (same Call-ID and CSeq) changes nothing, but is
// replicated again before it is answered: the first attempt may have stopped half way.
//
// # Proofs
//
// What was proved with a REGISTER goes where the update goes, and is there before the answer, whatever that is; so nobody
// uses it again after a failover. That of a fetch is the whole of an update. One that has to be ordered once more goes on without
// its proof, which is known by then: a member that sends an op back says so (statusOutdone). An update without a proof is
// on the wire what it was before there were any.
//
// # Room
//
// Bindings may take so many bytes at a member (CoreConfig.Budget). Who orders an update knows how much room those have who
// are to hold it, by their announcements, and refuses a new AOR with 507 where one of them is above its budget: all hold the
// same, so none is pushed over alone, and no copy is missing for want of room. A quarter above, what makes a record larger
// is refused too. What was ordered is always stored. So a member takes more than its budget by what was under way, by what
// AORs that are known grew, up to a quarter, and by what it takes over: leave room for one member's share.
//
// From half of the budget on sources and domains have shares of it (package location), which who orders an update judges by
// what it holds itself: its cores have the same part of everybody's bindings. For as long as late copies of what it refused
// may be on their way, it tells the others that there are such.
//
// # Contacts
//
// A request may be for a contact, as an attended transfer is, and a contact does not say of which AOR it is. The [Locator]
// asks: this member's cores, which find it in the index of their store (package location), then every other member that
// lives, once. The first answer that names an AOR ends it; a lookup of that AOR then decides, so an answer that is old by
// then does no harm. [NotFound] means that every member that lives has said so of all that it serves. Who fills a partition,
// has just dropped one, or does not know whether it still counts, answers that it is not sure; so does the Locator if one
// does not answer within half a second. That is [Unavailable], as for lookups.
//
// A question costs each member 1.2 us of CPU in its cores, 3.5 us for 3 members and 36 us for 30, and 42 us for 3 members
// with the streams between them, one question at a time. Anybody can have it asked, so a member has at most 256 under way,
// and asks at most 6000 others a second: 200 questions among up to 31 members. What is above that is Unavailable.
//
//	go test ./proxy/cluster -run xxx -bench Locate
//	go test ./proxy/peer -run xxx -bench Locate -benchtime 150x
//
// # What a driver must do
//
//   - Give a new View to every core before any message of the stream it is about, and before anything is sent on it.
//   - Put Effects.Sends into the streams' queues before the core's lock is released, and call Done after.
//   - Deliver messages of a stream in order. What cannot be sent, break the stream: never leave out one message.
//   - Send Membership.Missed, if not 0, first on a new stream, and pass what comes of that to PeerMissed.
//   - Call PeerDown when the peer is believed dead, PeerUp for every new stream. Between a broken stream and one of the
//     two, updates wait.
//   - Call Core.Stopped, before the next step, after a stop that the times of the steps do not show.
//   - Sum Progress over all cores when Effects.Changed, for Membership.Progress; tell the peers when SelfState changes.
package cluster
