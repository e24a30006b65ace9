package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// registerMany binds contacts to an address-of-record of example.com.
func (p *phone) registerMany(x *proxy, user string, contacts ...string) {
	p.t.Helper()
	text := p.registerText(unique("reg"), 1, "Contact: <"+strings.Join(contacts, ">, <")+">")
	p.sendRaw(x.addr, bytes.ReplaceAll(text, []byte("To: <sip:"+p.user+"@"), []byte("To: <sip:"+user+"@")))
	p.status(200)
}

// A contact may be another user: the call goes on to where that one is, in one step.
func TestForwardToAnotherUser(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob, carol := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "carol")
	carol.register(x[0])
	bob.registerMany(x[1], "bob", "sip:carol@example.com", bob.contact())
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	for _, p := range []*phone{bob, carol} {
		invite := p.request("INVITE")
		if got := string(invite.RequestURI()); got != p.contact() || len(invite.values(wire.HeaderVia)) != 2 || invite.value(wire.HeaderMaxBreadth) != "30" {
			t.Errorf("%s got\n%s", p.user, invite.Raw)
		}
		if p == carol {
			p.reply(invite, 200, "OK", "c", "Contact: <"+p.contact()+">")
			continue
		}
		p.reply(invite, 180, "Ringing", "b")
		alice.status(180)
	}
	d.answered(alice.status(200))
	d.ack()
	bob.request("CANCEL")
	carol.request("ACK")
	d.send("BYE")
	carol.reply(carol.request("BYE"), 200, "OK", "")
	alice.status(200)
}

// What cancels a call, or ends it with a failure, finds the same branches through a
// member that never saw the INVITE.
func TestForwardToAnotherUserThroughAnotherMember(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob, carol := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "carol")
	carol.register(x[0])
	bob.registerMany(x[0], "bob", "sip:dave@example.com")
	bob.registerMany(x[0], "dave", "sip:carol@example.com", "sip:bob@example.com")
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	first := carol.request("INVITE")
	carol.reply(first, 180, "Ringing", "c")
	alice.status(180)
	x[0].kill()
	alice.sendRaw(x[1].addr, []byte(d.lastInviteText))
	second := carol.request("INVITE")
	if a, b := branchOf(first), branchOf(second); a != b {
		t.Errorf("the far end sees two transactions: %s and %s", a, b)
	}
	y := startMember(t, x[1].mem, 3)
	d.proxy = y.addr
	d.cancel()
	if cancel := carol.request("CANCEL"); branchOf(cancel) != branchOf(first) {
		t.Errorf("the CANCEL is for %s, the INVITE was %s", branchOf(cancel), branchOf(first))
	}
}

func branchOf(r *received) string {
	via, _ := r.TopVia()
	return string(via.Branch())
}

// A stranger's users lead to each other in a tree. One request for its root costs
// one transaction, at most 60 branches, and makes nothing larger than it was but for
// the headers of one proxy.
func TestTreeOfUsersIsOneFork(t *testing.T) {
	t.Parallel()
	for _, members := range []int{1, 3} {
		for method, levels := range map[string]int{"INVITE": 1, "MESSAGE": 1, "OPTIONS": 3} {
			t.Run(fmt.Sprintf("%s, %d members", method, members), func(t *testing.T) {
				t.Parallel()
				x := startCluster(t, members)
				mallory, victim := newPhone(t, "mallory"), newPhone(t, "victim")
				grow(mallory, victim, x, "root", levels)
				request := strings.ReplaceAll(mallory.plain("INVITE", "sip:root@example.com"), "INVITE", method)
				mallory.sendRaw(x[0].addr, []byte(request))
				want := 60
				if levels > 1 { // all lookups are spent before a phone is reached
					want = 0
					mallory.status(480)
				}
				branches, largest := victim.branches(want)
				if branches != want || largest > len(request)+500 {
					t.Errorf("%d branches, want %d, of up to %d bytes of a request of %d", branches, want, largest, len(request))
				}
				transactions, out := created(x)
				if transactions != 1 || out > 60*12+100 { // with retransmissions
					t.Errorf("%d transactions, %d datagrams", transactions, out)
				}
			})
		}
	}
}

// grow registers a user with ten contacts: users like it, or in the end the
// victim's.
func grow(by, victim *phone, x []*proxy, user string, levels int) {
	var contacts []string
	for i := range 10 {
		next := fmt.Sprintf("%s-%d", user, i)
		if levels == 0 {
			contacts = append(contacts, fmt.Sprintf("sip:%s@%s", next, victim.addr))
			continue
		}
		contacts = append(contacts, fmt.Sprintf("sip:%s@example.com;maddr=%s", next, x[i%len(x)].addr.Addr()))
		if levels < 3 || i < 2 {
			grow(by, victim, x, next, levels-1)
		}
	}
	by.registerMany(x[0], user, contacts...)
}

// created is how many transactions proxies have made, and how much they have sent.
func created(x []*proxy) (transactions, datagrams uint64) {
	for _, p := range x {
		transactions, datagrams = transactions+p.table.Stats().Created, datagrams+p.layer.Stats().Sent
	}
	return transactions, datagrams
}

// branches counts the branches that come to a phone, until nothing new does after
// those that are wanted.
func (p *phone) branches(want int) (n, largest int) {
	seen := map[string]bool{}
	for {
		wait := 300 * time.Millisecond
		if len(seen) < want {
			wait = patience
		}
		r := p.receive(wait)
		if r == nil || len(seen) > 1000 {
			return len(seen), largest
		}
		if r.IsRequest() {
			seen[branchOf(r)], largest = true, max(largest, len(r.Raw))
		}
	}
}

func (p *phone) plain(method, uri string) string {
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <%s>\r\n"+
		"Call-ID: %s\r\nCSeq: 1 %s\r\nContact: <%s>\r\nContent-Length: 0\r\n\r\n", method, uri, p.addr, unique("z9hG4bK"), uri, unique("call"), method, p.contact())
}

// No answer about one of the users is no answer about all: the caller tries again.
func TestForwardToAnotherUserUnavailable(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.registerMany(x, "bob", "sip:carol@example.com", bob.contact())
	x.mem.mu.Lock()
	x.mem.unknown = "sip:carol@example.com"
	x.mem.mu.Unlock()
	d := alice.ring(x.addr, "sip:bob@example.com")
	d.ackFailure(alice.status(503))
	bob.quiet(20 * time.Millisecond)
}
