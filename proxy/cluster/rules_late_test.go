package cluster

import (
	"testing"

	"github.com/sipring/sipring/proxy/location"
)

// parted has one member take another for dead, which notices nothing, and no message of either arrives.
func (b *bench) parted(accuser, wronged *node) {
	b.view(accuser, accuser.membership.PeerDown(b.now, wronged.id, "glitch"))
	b.mail = nil
	b.pass(100)
}

// A member that has not heard yet that it was taken for dead orders a late copy of a request, after a later one of the phone
// was acknowledged without it. As the two states meet, wherever that is, the later request is what is left.
func TestLateCopyAtWhoWasTakenForDead(t *testing.T) {
	star := newRegister(aor, 9, 0)
	star.Update.Star, star.Update.Contacts = true, nil
	for name, c := range map[string]struct {
		last *RegisterOp
		want LookupResult
		cseq uint32
	}{
		"removal":         {newRegister(aor, 9, 0), NotFound, 0},
		"removal of all":  {star, NotFound, 0},
		"refresh":         {newRegister(aor, 9, 3600), Found, 9},
		"short refresh":   {newRegister(aor, 9, 1), NotFound, 0},
		"nothing of late": {newRegister(aor, 8, 3600), Found, 8},
	} {
		for unheard, lost := range map[string]kind{"all arrives": 0, "the late update is lost": kindReplicate, "its confirmation is": kindStored} {
			t.Run(name+"/"+unheard, func(t *testing.T) {
				b := newBench(t, 2, 2)
				b.settle()
				owners := b.owners(aor)
				wronged, accuser := b.nodes[owners[0]], b.nodes[owners[1]]
				b.mustRegister(accuser, newRegister(aor, 7, 3600))
				b.parted(accuser, wronged)
				b.mustRegister(accuser, newRegister(aor, 8, 3600))
				last := *c.last
				b.mustRegister(accuser, &last)
				b.pass(2000)
				b.register(wronged, newRegister(aor, 8, 3600))
				b.wantAnswers(wronged, 0, 0)
				b.again(accuser.id, wronged.id)
				b.carryBut(func(m mail) bool { return m.kind() == lost })
				b.pass(100)
				for _, n := range b.nodes {
					b.mustFind(n, aor, c.want, c.cseq)
				}
				b.settle()
				sum, count := b.nodes[1].core.store.Digest(b.now, int(wronged.local(aor)))
				if s, n := b.nodes[2].core.store.Digest(b.now, int(wronged.local(aor))); s != sum || n != count {
					t.Error("the two have not the same")
				}
				for end := b.now + 2*location.OrderFor; b.now < end; {
					b.pass(1000)
				}
				for _, n := range b.nodes {
					b.mustFind(n, aor, c.want, c.cseq)
				}
			})
		}
	}
}
