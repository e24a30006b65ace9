package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// registration is how a REGISTER of bob's comes: $B is the address of bob's socket,
// $O that of somebody else's.
type registration struct {
	via     string // sent-by of the topmost, "" for $B
	below   bool   // another Via is below it
	contact string
	path    string
	status  int    // of the answer
	called  string // where a call arrives: bob, other, nobody
}

// TestContactsAreBoundToTheirSource: whatever a REGISTER says, it has nobody called
// but who sent it.
func TestContactsAreBoundToTheirSource(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.lookup = resolveTo("127.0.0.9") })
	alice := newPhone(t, "alice")
	for name, c := range map[string]registration{
		"own address":                    {contact: "sip:b@$B", status: 200, called: "bob"},
		"own address, mapped":            {contact: "sip:b@[::ffff:127.0.0.1]:$P", status: 200, called: "bob"},
		"another's":                      {contact: "sip:b@$O", status: 403, called: "nobody"},
		"another's, mapped":              {contact: "sip:b@[::ffff:127.0.0.9]:5060", status: 403, called: "nobody"},
		"another's, of two":              {contact: "sip:b@$B>, <sip:b@$O", status: 403, called: "nobody"},
		"another's, by maddr":            {contact: "sip:b@$B;maddr=127.0.0.9", status: 403, called: "nobody"},
		"loopback of another form":       {contact: "sip:b@127.1:$Q", status: 200, called: "bob"},
		"by a proxy without Path":        {below: true, contact: "sip:b@$O", status: 403, called: "nobody"},
		"by a proxy behind NAT":          {via: "10.0.0.9:5060", below: true, contact: "sip:b@10.0.0.8", status: 200, called: "bob"},
		"behind NAT":                     {via: "10.0.0.9:5060", contact: "sip:b@10.0.0.9:5060", status: 200, called: "bob"},
		"behind NAT, another's":          {via: "10.0.0.9:5060", contact: "sip:b@$O", status: 200, called: "bob"},
		"of a host with a name":          {via: "pc.example", contact: "sip:b@10.0.0.9", status: 200, called: "bob"},
		"of a name, another's":           {via: "pc.example", contact: "sip:b@$O", status: 200, called: "bob"},
		"in another's name":              {via: "$O", contact: "sip:b@$O", status: 200, called: "bob"},
		"a name":                         {contact: "sip:b@pc.example:$Q", status: 200, called: "bob"},
		"a name, and another's":          {contact: "sip:b@pc.example>, <sip:b@$O", status: 403, called: "nobody"},
		"another's, and a name":          {contact: "sip:b@$O>, <sip:b@pc.example", status: 403, called: "nobody"},
		"a name by a proxy":              {below: true, contact: "sip:b@pc.example:$Q", status: 200, called: "bob"},
		"a name with maddr":              {contact: "sip:b@$B;maddr=pc.example", status: 200, called: "bob"},
		"a maddr with a port":            {contact: "sip:b@h.invalid;maddr=127.0.0.9:$Q", status: 200, called: "bob"},
		"an invalid name":                {via: "h.invalid", contact: "sip:b@h.invalid;transport=udp", status: 200, called: "bob"},
		"another family":                 {contact: "sip:b@[2001:db8::1]", status: 200, called: "nobody"},
		"another transport":              {contact: "sip:b@$O;transport=tcp", status: 200, called: "nobody"},
		"another scheme":                 {contact: "tel:+1201", status: 200, called: "nobody"},
		"removes another's":              {contact: "sip:b@$O>;expires=0, <sip:b@$B>;expires=0, <tel:1", status: 200, called: "nobody"},
		"Path of its source":             {below: true, contact: "sip:b@10.0.0.8", path: "<sip:$B;lr>", status: 200, called: "bob"},
		"Path of its source, then other": {below: true, contact: "sip:b@10.0.0.8", path: "<sip:$B;lr>, <sip:$O;lr>", status: 200, called: "bob"},
		"Path of another":                {below: true, contact: "sip:b@$B", path: "<sip:$O;lr>", status: 403, called: "nobody"},
		"Path of another, strict":        {contact: "sip:b@$B", path: "<sip:$O>", status: 403, called: "nobody"},
		"Path of another, by maddr":      {contact: "sip:b@$B", path: "<sip:$B;lr;maddr=127.0.0.9>", status: 403, called: "nobody"},
		"Path of a name":                 {below: true, contact: "sip:b@10.0.0.8", path: "<sip:edge.example:$Q;lr>", status: 200, called: "bob"},
		"Path of a proxy behind NAT":     {via: "10.0.0.9:5060", below: true, contact: "sip:b@10.0.0.8", path: "<sip:10.0.0.9;lr>", status: 200, called: "bob"},
		"Path of another behind NAT":     {via: "10.0.0.9:5060", contact: "sip:b@10.0.0.8", path: "<sip:$O;lr>", status: 200, called: "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			bob, out := newPhone(t, "bob"), outsider(t)
			bob.user = unique("bob")
			bob.sendRaw(x.addr, c.text(bob, out))
			if r := bob.receive(patience); r == nil || r.StatusCode() != c.status {
				t.Fatalf("want %d, got %s", c.status, rawOf(r))
			}
			d := alice.ring(x.addr, "sip:"+bob.user+"@example.com")
			if c.called == "bob" {
				bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
				bob.request("ACK")
				d.ackFailure(alice.status(486))
			} else {
				d.ackFailure(alice.status(480))
			}
			out.quiet(5 * time.Millisecond)
		})
	}
}

func (c registration) text(bob, out *phone) []byte {
	via := c.via
	if via == "" {
		via = "$B"
	}
	text := "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP " + via + ";branch=" + unique("z9hG4bKr") + ";rport\r\n"
	if c.below {
		text += "Via: SIP/2.0/UDP 10.0.0.8;branch=" + unique("z9hG4bKr") + "\r\n"
	}
	text += "Max-Forwards: 70\r\nFrom: <sip:" + bob.user + "@example.com>;tag=1\r\nTo: <sip:" + bob.user + "@example.com>\r\nCall-ID: " + unique("r") +
		"\r\nCSeq: 1 REGISTER\r\nContact: <" + c.contact + ">\r\n"
	if c.path != "" {
		text += "Path: " + c.path + "\r\n"
	}
	return []byte(strings.NewReplacer("$B", bob.addr.String(), "$O", out.addr.String(), "$P", fmt.Sprint(bob.addr.Port()), "$Q", fmt.Sprint(out.addr.Port())).Replace(text) + "\r\n")
}

func rawOf(r *received) string {
	if r == nil {
		return "nothing"
	}
	return string(r.Raw)
}

// A cluster may trust its phones, or a border element before it, to register what
// they like.
func TestContactsOfAnywhereIfTheyMay(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact)
	alice, bob, out := newPhone(t, "alice"), newPhone(t, "bob"), outsider(t)
	bob.registerAt(x, "sip:bob@example.com", out.contact())
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := out.request("INVITE")
	out.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">") // and answers with another contact still
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
	out.quiet(20 * time.Millisecond)
}

// TestTokenIsNoLicence: whoever is in a call of its own, with itself, has nothing
// sent to others, whatever it writes into requests within the call, and whatever it
// wrote into those that began it.
func TestTokenIsNoLicence(t *testing.T) {
	t.Parallel()
	for name, forged := range map[string]func(request, response *[]string, out string){
		"honest":                     func(_, _ *[]string, _ string) {},
		"Contact of the INVITE":      func(request, _ *[]string, out string) { *request = append(*request, "m: <"+out+">") },
		"Contact of the 200":         func(_, response *[]string, out string) { (*response)[0] = "Contact: <" + out + ">" },
		"Record-Route of the INVITE": func(request, _ *[]string, out string) { *request = append(*request, "Record-Route: <"+out+";lr>") },
		"a proxy before the caller": func(request, _ *[]string, out string) {
			*request = append(*request, "Via: SIP/2.0/UDP "+strings.Split(out, "@")[1]+";branch=z9hG4bKx")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := newMemory()
			x := []*proxy{startMember(t, mem, 1, toOutsiders), startMember(t, mem, 2, toOutsiders)}
			me, out := newPhone(t, "bob"), outsider(t)
			me.register(x[0])
			request, response := []string(nil), []string{"Contact: <" + me.contact() + ">"}
			forged(&request, &response, out.contact())
			caller := me.ring(x[0].addr, "sip:bob@example.com", request...)
			invite := me.inviteOf(t)
			me.reply(invite, 200, "OK", "b", response...)
			caller.answered(me.status(200))
			callee := me.callee(invite, "b")
			for _, d := range []*dialog{caller, callee} {
				d.proxy = x[1].addr
				abuse(t, d, out)
			}
			out.quiet(50 * time.Millisecond)
		})
	}
}

// toOutsiders has every name be an outsider's.
func toOutsiders(o *proxyOptions) { o.lookup = resolveTo("127.0.0.9") }

// inviteOf waits for the INVITE to itself, and passes over the 100.
func (p *phone) inviteOf(t *testing.T) *received {
	t.Helper()
	for {
		switch r := p.receive(patience); {
		case r == nil:
			t.Fatalf("%s got no INVITE", p.user)
		case r.IsRequest():
			return r
		}
	}
}

// abuse sends within a dialog what would reach an outsider.
func abuse(t *testing.T, d *dialog, out *phone) {
	ours, target := d.routes[:1:1], d.target
	victim := "sip:x@" + out.addr.String()
	named := fmt.Sprintf("sip:x@out.example:%d", out.addr.Port())
	for _, c := range []struct {
		target string
		routes []string
	}{
		{target, d.routes},
		{victim, ours},
		{named, ours},
		{target + ";maddr=127.0.0.9", ours},
		{"sip:x@127.0.0.1:" + fmt.Sprint(out.addr.Port()) + ";maddr=" + "127.0.0.9", ours},
		{target, append(ours, "<"+victim+";lr>")},
		{target, append(ours, "<"+victim+">")},
		{target, append(ours, "<"+named+";lr>")},
		{target, append(ours, "<"+target+";lr;maddr=127.0.0.9>", "<"+victim+";lr>")},
		{"sip:bob@example.com", append(ours, "<"+victim+";lr>")},
		{strings.Trim(ours[0], "<>"), []string{"<" + victim + ">"}},
		{strings.Trim(ours[0], "<>"), []string{"<" + victim + ";lr>", "<" + target + ">"}},
		{strings.Trim(ours[0], "<>"), []string{"<" + victim + ";lr>", "<" + victim + ">"}},
	} {
		d.target, d.routes = c.target, c.routes
		for _, method := range []string{"MESSAGE", "INVITE", "BYE", "CANCEL", "ACK", "REFER", "REGISTER"} {
			d.send(method)
		}
	}
	d.p.drain(t)
}

// drain takes what comes until nothing does.
func (p *phone) drain(t *testing.T) {
	t.Helper()
	for p.receive(10*time.Millisecond) != nil {
	}
}

// Where a phone moved to another port of its address, it is called there.
func TestRFC3261_12_2_1_2_TargetRefresh(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, callee := establish(t, x, alice, bob)
	moved := newPhone(t, "alice")
	caller.p = moved
	caller.send("INVITE")
	invite := bob.request("INVITE")
	bob.reply(invite, 200, "OK", "", "Contact: <"+bob.contact()+">")
	moved.status(200)
	caller.ack()
	bob.request("ACK")
	callee.target = contactURI(invite)
	callee.send("BYE")
	moved.reply(moved.request("BYE"), 200, "OK", "")
	bob.status(200)
	alice.quiet(20 * time.Millisecond)
}

// Where it moved to another address, and registered there, too; while it has not, it
// is where it was.
func TestRFC3261_12_2_1_2_TargetRefreshFromAnotherAddress(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	for _, registered := range []bool{false, true} {
		alice, bob, moved := newPhone(t, "alice"), newPhone(t, "bob"), newPhoneAt(t, "alice", "127.0.0.3:0")
		bob.register(x[0])
		caller, callee := establish(t, x[0], alice, bob)
		if registered {
			moved.register(x[0])
		}
		caller.p = moved
		caller.send("INVITE")
		invite := bob.request("INVITE")
		bob.reply(invite, 200, "OK", "", "Contact: <"+bob.contact()+">")
		moved.status(200)
		caller.ack()
		bob.request("ACK")
		callee.target, callee.proxy = contactURI(invite), x[1].addr
		callee.send("BYE")
		now := alice
		if registered {
			now = moved
		}
		bye := now.request("BYE")
		if string(bye.RequestURI()) != moved.contact() {
			t.Errorf("Request-URI %s", bye.RequestURI())
		}
		now.reply(bye, 200, "OK", "")
		bob.status(200)
		bob.sendRaw(x[0].addr, bob.registerText(unique("reg"), 1, "Contact: *", "Expires: 0"))
		bob.status(200)
	}
	if n := x[0].askedFor(); n != 0 {
		t.Errorf("all members were asked %d times", n)
	}
}

// Where no more can be looked up the call still has its way.
func TestTargetRefreshInAClusterThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	_, callee := establish(t, x, alice, bob)
	callee.target = "sip:alice@127.0.0.3:5062"
	down := func(down bool) {
		x.mem.mu.Lock()
		defer x.mem.mu.Unlock()
		x.mem.down = down
	}
	info := func() {
		t.Helper()
		callee.send("INFO")
		alice.reply(alice.request("INFO"), 200, "OK", "")
		bob.status(200)
	}
	down(true)
	info()
	down(false)
	moved := newPhoneAt(t, "alice", "127.0.0.3:0")
	moved.register(x)
	callee.target = moved.contact()
	x.supersede() // what it finds may be old
	info()
	moved.quiet(20 * time.Millisecond)
}

// A gateway may answer with a contact at another of its addresses, and a caller may
// have one: requests go to where the call went, or came from.
func TestEndWithAnotherAddress(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob, out := newPhone(t, "alice"), newPhone(t, "bob"), outsider(t)
	bob.register(x)
	text := bytes.ReplaceAll([]byte(alice.ring(x.addr, "sip:nobody@example.com").lastInviteText), []byte("Contact: <"+alice.contact()), []byte("Contact: <"+out.contact()))
	alice.status(480)
	text = bytes.ReplaceAll(text, []byte("sip:nobody@example.com"), []byte("sip:bob@example.com"))
	text = bytes.ReplaceAll(text, []byte("branch=z9hG4bK"), []byte("branch=z9hG4bKagain"))
	alice.sendRaw(x.addr, text)
	invite := bob.request("INVITE")
	bob.reply(invite, 200, "OK", "b", "Contact: <"+out.contact()+">")
	ok := alice.status(200)
	caller := &dialog{p: alice, proxy: x.addr, callID: string(ok.CallID()), local: ok.value(wire.HeaderFrom), cseq: 5, inviteCSeq: 1}
	caller.answered(ok)
	caller.ack()
	if ack := bob.request("ACK"); string(ack.RequestURI()) != out.contact() {
		t.Errorf("the Request-URI is %s", ack.RequestURI())
	}
	callee := bob.callee(invite, "b")
	callee.send("INFO")
	info := alice.request("INFO")
	if string(info.RequestURI()) != out.contact() {
		t.Errorf("the Request-URI is %s", info.RequestURI())
	}
	alice.reply(info, 200, "OK", "")
	bob.status(200)
	out.quiet(20 * time.Millisecond)
}

// A call that began at a member of an earlier version has a token without the
// addresses of its ends.
func TestTokenOfAnEarlierVersionLeadsToTheContact(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	tok := &token.Token{CallerTag: token.HashTag([]byte(strings.Split(caller.local, "tag=")[1]))}
	caller.routes = []string{fmt.Sprintf("<sip:%s@%s;lr>", x.keys.AppendToken(nil, tok, []byte(caller.callID)), x.addr)}
	caller.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
}

// A token that is too old leads nowhere, but for the end of the call.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.config.TokenHours = 3 })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	now := token.Hour(time.Now().Unix())
	for age, want := range map[uint16]int{0: 200, 2: 200, 5: 481, 20000: 481} {
		tok := &token.Token{CallerTag: token.HashTag([]byte(strings.Split(caller.local, "tag=")[1])), Made: now - age}
		tok.Callee.Remote = bob.addr
		caller.routes = []string{fmt.Sprintf("<sip:%s@%s;lr>", x.keys.AppendToken(nil, tok, []byte(caller.callID)), x.addr)}
		for _, method := range []string{"INVITE", "MESSAGE", "SUBSCRIBE", "NOTIFY", "BYE"} {
			caller.send(method)
			if want == 200 || method == "BYE" {
				bob.reply(bob.request(method), 200, "OK", "")
				alice.status(200)
			} else {
				alice.status(want)
			}
		}
	}
	bob.quiet(20 * time.Millisecond)
	if config.DefaultTokenHours != 24 {
		t.Error("a call of a day is cut")
	}
}
