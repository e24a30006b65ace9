package server

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/wire"
)

func TestRFC5393_5_3_3_EveryProxiedRequestHasMaxBreadth(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	for name, c := range map[string]struct {
		extra []string
		want  string
	}{
		"none: it is added":          {nil, "60"},
		"not changed":                {[]string{"Max-Breadth: 7"}, "7"},
		"1 is enough for one target": {[]string{"max-breadth : 1"}, "1"},
		"more than we allow":         {[]string{"Max-Breadth: 4000000000"}, "60"},
	} {
		d := alice.ring(x.addr, "sip:bob@example.com", c.extra...)
		invite := bob.request("INVITE")
		if diff := cmp.Diff([]string{c.want}, headerLines(invite, wire.HeaderMaxBreadth)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		bob.reply(invite, 180, "Ringing", "b")
		alice.status(180)
		d.cancel()
		alice.status(200)
		cancel := bob.request("CANCEL")
		if cancel.Has(wire.HeaderMaxBreadth) {
			t.Errorf("%s: 5.4.1: Max-Breadth in a CANCEL", name)
		}
		bob.reply(cancel, 200, "OK", "b")
		bob.reply(invite, 487, "Request Terminated", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(487))
	}
}

// headerLines are the values of all lines of a header.
func headerLines(r *received, id wire.HeaderID) (lines []string) {
	for _, h := range r.Headers {
		if h.ID == id {
			lines = append(lines, string(h.Value.In(r.Raw)))
		}
	}
	return lines
}

func TestRFC5393_5_3_3_InDialogToo(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 200, "OK", "b", "Contact: <"+bob.contact()+">")
	caller.answered(alice.status(200))
	caller.ack()
	caller.send("BYE")
	for _, method := range []string{"ACK", "BYE"} {
		if got := bob.request(method).value(wire.HeaderMaxBreadth); got != "60" {
			t.Errorf("%s: Max-Breadth %q", method, got)
		}
	}
}

func TestRFC5393_5_3_3_ForkDividesMaxBreadth(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice := newPhone(t, "alice")
	phones := []*phone{newPhone(t, "bob"), newPhone(t, "bob"), newPhone(t, "bob")}
	for _, p := range phones {
		p.register(x)
	}
	for name, c := range map[string]struct {
		extra []string
		want  []int
	}{
		"none":         {nil, []int{20, 20, 20}},
		"a remainder":  {[]string{"Max-Breadth: 8"}, []int{2, 3, 3}},
		"just enough":  {[]string{"Max-Breadth: 3"}, []int{1, 1, 1}},
		"over our own": {[]string{"Max-Breadth: 61"}, []int{20, 20, 20}},
	} {
		d := alice.ring(x.addr, "sip:bob@example.com", c.extra...)
		var got []int
		for _, p := range phones {
			invite := p.request("INVITE")
			n, _ := strconv.Atoi(invite.value(wire.HeaderMaxBreadth))
			got = append(got, n)
			p.reply(invite, 486, "Busy Here", "b")
			p.request("ACK")
		}
		slices.Sort(got)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		d.ackFailure(alice.status(486))
	}
	d := alice.ring(x.addr, "sip:bob@example.com", "Max-Breadth: 2")
	d.ackFailure(alice.status(440))
	for _, p := range phones {
		p.quiet(30 * time.Millisecond)
	}
}

// A PBX that sends a call back, to users that fork again, has no more branches than
// the call had when it came, whatever it makes of Max-Breadth and of our Via.
func TestWhatComesBackHasNoMoreBreadth(t *testing.T) {
	t.Parallel()
	hop := regexp.MustCompile(";h=[^;,\r]*")
	for name, c := range map[string]struct {
		change func(request string) string
		want   string // Max-Breadth of each of two branches
	}{
		"as it came":     {func(s string) string { return s }, "10"},
		"none":           {func(s string) string { return strings.Replace(s, "Max-Breadth: 20\r\n", "", 1) }, "10"},
		"raised":         {func(s string) string { return strings.Replace(s, "Max-Breadth: 20", "Max-Breadth: 60", 1) }, "10"},
		"lowered":        {func(s string) string { return strings.Replace(s, "Max-Breadth: 20", "Max-Breadth: 4", 1) }, "2"},
		"hop raised":     {func(s string) string { return strings.Replace(s, ";h=U", ";h=8", 1) }, ""},
		"hop taken away": {func(s string) string { return hop.ReplaceAllString(s, "") }, ""},
		"Via taken away": {func(s string) string {
			return regexp.MustCompile("Via: [^\r]*z9hG4bKinv[^\r]*\r\n").ReplaceAllString(s, "")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			x := startCluster(t, 2)
			alice, pbx, a, b := newPhone(t, "alice"), newPhone(t, "pbx"), newPhone(t, "team"), newPhone(t, "team")
			pbx.register(x[0])
			a.register(x[0])
			b.register(x[0])
			d := alice.ring(x[0].addr, "sip:pbx@example.com", "Max-Breadth: 20")
			invite := pbx.request("INVITE")
			back := strings.Replace(string(invite.Raw), "INVITE "+pbx.contact(), "INVITE sip:team@example.com", 1)
			back = c.change(strings.Replace(back, "Via:", fmt.Sprintf("Via: SIP/2.0/UDP %s;rport;branch=%s\r\nVia:", pbx.addr, unique("z9hG4bKpbx")), 1))
			pbx.sendRaw(x[1].addr, []byte(back))
			if c.want == "" {
				pbx.status(440)
				a.quiet(20 * time.Millisecond)
			}
			for _, p := range []*phone{a, b} {
				if c.want == "" {
					break
				}
				ring := p.request("INVITE")
				if got := ring.value(wire.HeaderMaxBreadth); got != c.want {
					t.Errorf("Max-Breadth %s, want %s", got, c.want)
				}
			}
			d.cancel()
		})
	}
}
