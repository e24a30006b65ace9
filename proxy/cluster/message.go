package cluster

import (
	"encoding/binary"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
)

// A message between cores: version and kind (1 byte), core (1), fields of fixed size little endian, byte strings with
// their length in 2 bytes before them.
const protocolVersion = 4 << 4

type kind uint8

const (
	kindRegister   kind = iota + 1 // op 8, partition 4, update
	kindRegistered                 // op 8, status 2 (statusNotHeld, statusOutdone), record
	kindLookup                     // op 8, partition 4, AOR
	kindFound                      // op 8, held 1, record
	kindReplicate                  // op 8 (0: no answer wanted), partition 4, holders 2 + 4 each, record
	kindStored                     // op 8, record: what won over the update, if anything
	kindStatus                     // sequence 4, clock 8, flags 1, count 4 (statusCountAt), (partition 4, status 1) each
	kindNoted                      // sequence 4
	kindPull                       // count 2, (partition 4, tag 4, cursor 4) each
	kindSnapshot                   // sections: partition 4, tag 4, flags 1, cursor 4, size 4, records
	kindDigest                     // flags 1, count 2, (partition 4, checksum 8, bindings 4) each
	kindFetched                    // count 2, (partition 4, tag 4) each: all that these pulls brought is here
)

// Statuses of kindRegistered that are no answers: the update is to be ordered elsewhere, or once more.
const (
	statusNotHeld = 0
	statusOutdone = 1 // and what was proved with it is known
)

const (
	statusFull = 1 // all there is: forget what was known before
	statusWant = 2 // send yours
	// statusBlank: nothing has been stored in this core since its process began. Of those who do not know of it nobody says it.
	statusBlank = 4
	// the upper 4 bits: location.Room

	statusMissed = 0x80 // in a partition's status: updates were acknowledged without the receiver

	sectionHeld = 1 // the source holds everything acknowledged in the partition
	sectionEnd  = 2 // no more records follow
	sectionTell = 4 // the source wants to know when all is there

	digestReply = 1 // the answer to another
	digestCover = 2 // the sender wants to drop the partitions: answer even where nothing differs
)

// statusCountAt is where the count stands in a kindStatus.
const statusCountAt = 2 + 4 + 8 + 1

var le = binary.LittleEndian

// send addresses the message begun at start.
func (e *Effects) send(to uint32, start int) {
	e.Sends = append(e.Sends, Send{To: to, start: start, end: len(e.buf)})
}

func (e *Effects) record(r location.Record, now int64) {
	e.buf = location.AppendRecord(e.buf, r, now)
}

func (e *Effects) u8(v uint8)   { e.buf = append(e.buf, v) }
func (e *Effects) u16(v uint16) { e.buf = le.AppendUint16(e.buf, v) }
func (e *Effects) u32(v uint32) { e.buf = le.AppendUint32(e.buf, v) }
func (e *Effects) u64(v uint64) { e.buf = le.AppendUint64(e.buf, v) }
func (e *Effects) str(b []byte) { e.buf = append(le.AppendUint16(e.buf, uint16(len(b))), b...) }

// reader reads a message. After the first fault everything reads as zero and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.take(2); b != nil {
		return le.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return le.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.take(8); b != nil {
		return le.Uint64(b)
	}
	return 0
}

func (r *reader) str() []byte { return r.take(int(r.u16())) }

// count reads a number of items of the given size and checks that they can be there.
func (r *reader) count(n, size int) int {
	if n*size > len(r.b) {
		r.bad = true
		return 0
	}
	return n
}

const (
	updateStar   = 1
	updateShared = 2
	updateProof  = 4   // nonce 8 and count 4 follow the contacts
	updateOwned  = 8   // owner 4 and life 4 of the UDP flow follow; a version that knows of none reads no further
	updateClaim  = 16  // and those that the claim is from
	maxListed    = 512 // contacts of one update
)

// update writes an update; readUpdate reads it.
func (e *Effects) update(u *location.Update) {
	var flags uint8
	if u.Star {
		flags = updateStar
	}
	if u.Shared {
		flags |= updateShared
	}
	if u.Proof != (location.Proof{}) {
		flags |= updateProof
	}
	if isOwned(u) {
		flags |= updateOwned
	}
	if u.Claim {
		flags |= updateClaim
	}
	e.u8(flags)
	e.u32(u.CSeq)
	e.u32(u.Fingerprint)
	e.str(u.AOR)
	e.str(u.CallID)
	e.str(u.Path)
	e.buf = flow.Append(e.buf, u.Flow)
	e.u64(u.Source)
	e.u16(uint16(len(u.Contacts)))
	for i := range u.Contacts {
		c := &u.Contacts[i]
		e.str(c.URI)
		e.str(c.Params)
		e.str(c.Instance)
		e.u32(c.RegID)
		e.u16(c.Q)
		e.u32(c.Expires)
	}
	if u.Proof != (location.Proof{}) {
		e.u64(u.Proof.Nonce)
		e.u32(u.Proof.Count)
	}
	if isOwned(u) {
		e.u32(u.Flow.Owner)
		e.u32(u.Flow.Life)
	}
	if u.Claim {
		e.u32(u.From.ID)
		e.u32(u.From.Life)
	}
}

// isOwned reports whether the UDP flow of an update has an owner that can be stored.
func isOwned(u *location.Update) bool {
	return u.Flow.IsOwnedUDP() && location.MayOwn(u.Flow.Owner, u.Flow.Life)
}

func (r *reader) update(u *location.Update) {
	flags := r.u8()
	u.Star, u.Shared = flags&updateStar != 0, flags&updateShared != 0
	u.CSeq, u.Fingerprint = r.u32(), r.u32()
	u.AOR, u.CallID, u.Path = r.str(), r.str(), r.str()
	r.flow(&u.Flow)
	u.Source = r.u64()
	n := int(r.u16())
	if n > maxListed {
		r.bad = true
		n = 0
	}
	u.Contacts = u.Contacts[:0]
	for range n {
		if r.bad {
			return
		}
		u.Contacts = append(u.Contacts, location.ContactUpdate{
			URI: r.str(), Params: r.str(), Instance: r.str(), RegID: r.u32(), Q: r.u16(), Expires: r.u32(),
		})
	}
	u.Proof = location.Proof{}
	if flags&updateProof != 0 {
		u.Proof = location.Proof{Nonce: r.u64(), Count: r.u32()}
	}
	r.owners(u, flags)
}

// owners reads who owns the UDP flow of an update, and whom it is claimed from.
func (r *reader) owners(u *location.Update, flags uint8) {
	if flags&updateOwned != 0 {
		owner, life := r.u32(), r.u32()
		if u.Flow.Transport != flow.UDP || !location.MayOwn(owner, life) {
			r.bad = true
			return
		}
		u.Flow.Owner, u.Flow.Life = owner, life
	}
	u.Claim, u.From = flags&updateClaim != 0, location.Owner{}
	if u.Claim {
		u.From = location.Owner{ID: r.u32(), Life: r.u32()}
	}
}

func (r *reader) flow(f *flow.Flow) {
	if r.bad {
		return
	}
	rest, ok := flow.Cut(r.b, f)
	r.b, r.bad = rest, !ok
}
