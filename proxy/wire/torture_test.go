package wire

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/wire/wiretest"
)

// tortures reads the messages of RFC 4475 and RFC 5118.
func tortures(t testing.TB) []wiretest.Message {
	t.Helper()
	all, err := wiretest.Messages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func verdict(err error) string {
	if err == nil {
		return "ok"
	}
	var e *Error
	if !errors.As(err, &e) {
		return "not an *Error: " + err.Error()
	}
	return fmt.Sprintf("%d %s", e.Status, e.Reason)
}

func scanAndValidate(m *Message, raw []byte) error {
	if err := m.Scan(raw, nil); err != nil {
		return err
	}
	return m.Validate()
}

func TestTortureMessages(t *testing.T) {
	all := tortures(t)
	if len(all) != 49+12 {
		t.Errorf("%d messages, want the 49 of RFC 4475 and the 12 of RFC 5118", len(all))
	}
	for _, c := range all {
		t.Run(c.RFC+"/"+c.Section+"/"+c.Name, func(t *testing.T) {
			var m Message
			if got := verdict(scanAndValidate(&m, c.Raw)); got != c.Want {
				t.Errorf("got %q, want %q", got, c.Want)
			}
		})
	}
}

// torturous returns one message that is well-formed.
func torturous(t *testing.T, name string) *Message {
	t.Helper()
	for _, c := range tortures(t) {
		if c.Name == name {
			m := new(Message)
			if err := scanAndValidate(m, c.Raw); err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
	t.Fatalf("no message %q", name)
	return nil
}

func values(m *Message, id HeaderID) []string {
	var all []string
	for v := range m.Values(id) {
		all = append(all, string(v))
	}
	return all
}

func TestTortureWsinv(t *testing.T) {
	m := torturous(t, "wsinv")
	var hosts []string
	for v := range m.Values(HeaderVia) {
		via, err := ParseVia(v)
		if err != nil {
			t.Fatalf("%q: %v", v, err)
		}
		hosts = append(hosts, fmt.Sprintf("%s %s %s", via.Transport, via.Host, via.Branch()))
	}
	want := []string{"UDP 192.0.2.2 390skdjuw", "TCP spindle.example.com z9hG4bK9ikj8", "UDP 192.168.255.111 z9hG4bK30239"}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Error(diff)
	}
	if got := string(m.ToTag()); got != "1918181833n" {
		t.Errorf("To tag %q", got)
	}
	if got := string(m.FromTag()); got != "98asjd8" {
		t.Errorf("From tag %q", got)
	}
	if n, ok, err := m.MaxForwards(); n != 68 || !ok || err != nil {
		t.Errorf("Max-Forwards %d %v %v", n, ok, err)
	}
	if n, method, err := m.CSeq(); n != 9 || string(method) != "INVITE" || err != nil {
		t.Errorf("CSeq %d %q %v", n, method, err)
	}
	if v, ok := m.Get(HeaderSubject); len(v) != 0 || !ok {
		t.Errorf("Subject %q %v", v, ok)
	}
	contact, _ := m.Get(HeaderContact)
	c, err := ParseNameAddr(contact)
	if q, _ := c.Param("q"); err != nil || string(q) != "0.33" || string(c.Display) != `Quoted string \"\"` {
		t.Errorf("Contact %+v %v", c, err)
	}
	if v, _ := m.byName("unknownheaderwithunusualvalue"); string(v) != ";;,,;;,;" {
		t.Errorf("unknown header %q", v)
	}
}

func TestTortureIntmeth(t *testing.T) {
	m := torturous(t, "intmeth")
	if m.Method() != MethodOther {
		t.Errorf("method %v", m.Method())
	}
	u, err := ParseURI(m.RequestURI())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(u.User), "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"; got != want {
		t.Errorf("user %q", got)
	}
	if got, want := string(u.Password), "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"; got != want {
		t.Errorf("password %q", got)
	}
	from, err := m.From()
	if err != nil || string(from.Display) != "token1~` token2'+_ token3*%!.-" || string(from.Tag()) != "_token~1'+`*%!-." {
		t.Errorf("From %q %q %v", from.Display, from.Tag(), err)
	}
	to, err := m.To()
	if err != nil || !bytes.Contains(to.Display, []byte("NUL:\\\x00 ")) {
		t.Errorf("To %q %v", to.Display, err)
	}
}

func TestTortureEscapes(t *testing.T) {
	m := torturous(t, "esc01")
	contact, _ := m.Get(HeaderContact)
	c, err := ParseNameAddr(contact)
	if err != nil {
		t.Fatal(err)
	}
	u, err := ParseURI(c.URI)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := u.Param("lr"); !ok {
		t.Error("%6C%72 is lr")
	}
	if v, ok := u.Param("name"); !ok || string(v) != "v%61lue%25%34%31" {
		t.Errorf("n%%61me is %q", v)
	}
	if got := values(torturous(t, "esc02"), HeaderContact); len(got) != 2 {
		t.Errorf("C%%6Fntact is no Contact: %q", got)
	}
	if got := values(torturous(t, "escnull"), HeaderContact); EqualURI([]byte(got[0]), []byte(got[1])) {
		t.Errorf("%q are two contacts", got)
	}
}

func TestTortureDblreq(t *testing.T) {
	m := torturous(t, "dblreq")
	if m.Method() != MethodRegister || len(m.BodyBytes()) != 0 || bytes.Contains(m.Raw, []byte("INVITE")) {
		t.Errorf("the second request is in the view: %q", m.Raw)
	}
}

func TestTortureIPv6(t *testing.T) {
	via, err := torturous(t, "received-brackets").TopVia()
	if got, ok := HostAddr(via.Received()); err != nil || !ok || got.String() != "2001:db8::9:255" {
		t.Errorf("%v %v %v", got, ok, err)
	}
	via, err = torturous(t, "received-bare").TopVia()
	if got, ok := HostAddr(via.Received()); err != nil || !ok || got.String() != "2001:db8::9:255" {
		t.Errorf("%v %v %v", got, ok, err)
	}
	for name, want := range map[string]string{
		"port-in-address": "sip:[2001:db8::10:5070]",
		"port":            "sip:[2001:db8::10]:5070",
		"three-colons":    "sip:user@[2001:db8::c000:201]",
		"two-colons":      "sip:user@[2001:db8::c000:201]",
	} {
		u, err := ParseURI(torturous(t, name).RequestURI())
		if got := string(CanonicalAOR(nil, u)); err != nil || got != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
}
