package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/control/answers"
	"github.com/sipring/sipring/proxy/flow"
)

// startAsked starts every member with a control socket of its own.
func (f *folder) startAsked() (stops []func()) {
	f.t.Helper()
	for _, m := range f.set.Members {
		stops = append(stops, f.start(m.Name, "--address", m.Address, "--keys", f.file("keys.json"), "--control-socket", f.file(m.Name)))
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	return stops
}

// ask runs a command that asks a member, and returns what it prints.
func (f *folder) ask(cmd *cobra.Command, member int, args ...string) (string, error) {
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceErrors = true // as of the program
	cmd.SetArgs(append(args, "--socket", f.file(f.set.Members[member-1].Name)))
	err := cmd.ExecuteContext(f.t.Context())
	return out.String(), err
}

// answer is ask for an answer in JSON.
func (f *folder) answer(v any, cmd *cobra.Command, member int, args ...string) {
	f.t.Helper()
	out, err := f.ask(cmd, member, append(args, "-o", "json")...)
	if err != nil {
		f.t.Fatalf("%s of member %d: %v", cmd.Name(), member, err)
	}
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		f.t.Fatalf("%v: %s", err, out)
	}
}

// TestWhereAndBindings of three members: they agree on who is home of whom, and what they list together is the whole,
// each of it once.
func TestWhereAndBindings(t *testing.T) {
	f := newFolder(t, 3)
	f.startAsked()
	var users []string
	for i := range 40 {
		user := fmt.Sprintf("u%02d", i)
		f.register(i%3+1, user, "sip:"+user+"@192.0.2.1")
		users = append(users, "sip:"+user+"@example.com")
	}
	f.where(users[7])

	var listed []string
	for member := 1; member <= 3; member++ {
		one := f.list(member, "", 7)
		if !slices.IsSorted(one) || len(one) == 0 {
			t.Errorf("member %d lists %v", member, one)
		}
		listed = append(listed, one...)
	}
	slices.Sort(listed)
	if !slices.Equal(listed, users) {
		t.Errorf("together they list %v", listed)
	}
	if got := append(append(f.list(1, "sip:u0?@*", 100), f.list(2, "sip:u0?@*", 100)...), f.list(3, "sip:u0?@*", 100)...); len(got) != 10 {
		t.Errorf("that match: %v", got)
	}
	for member := 1; member <= 3; member++ {
		if out, err := f.ask(Bindings(), member, "--limit", "1"); err != nil || !strings.Contains(out, "@192.0.2.1") || !strings.Contains(out, "More: --after ") {
			t.Errorf("%v: %s", err, out)
		}
	}
}

// list is all that a member lists, by pages.
func (f *folder) list(member int, glob string, limit int) (aors []string) {
	f.t.Helper()
	for after := ""; ; {
		var page answers.Page
		f.answer(&page, Bindings(), member, "--aor", glob, "--limit", fmt.Sprint(limit), "--after", after)
		if page.Member != f.set.Members[member-1].Name || page.Epoch != 1 || len(page.Items) > limit {
			f.t.Fatalf("%+v", page)
		}
		for _, item := range page.Items {
			if len(item.Bindings) != 1 || item.Bindings[0].Contact != strings.Replace(item.AOR, "example.com", "192.0.2.1", 1) {
				f.t.Errorf("%+v", item)
			}
			aors = append(aors, item.AOR)
		}
		if after = page.Next; after == "" {
			return aors
		}
	}
}

// where asks every member for an AOR that is registered.
func (f *folder) where(aor string) {
	t := f.t
	t.Helper()
	roles := map[string]int{}
	var first answers.Where
	for member := 1; member <= 3; member++ {
		var w answers.Where
		f.answer(&w, Where(), member, "sips:"+strings.TrimPrefix(aor, "sip:")+";transport=tcp") // the same resource
		if member == 1 {
			first = w
		}
		if w.AOR != aor || w.Home == "" || w.Home != first.Home || len(w.Replicas) != 1 || !slices.Equal(w.Replicas, first.Replicas) || w.Partition != first.Partition || w.Epoch != 1 {
			t.Errorf("member %d: %+v, the first: %+v", member, w, first)
		}
		role := "nothing"
		if w.Held != nil {
			role = w.Held.Role
			b := w.Held.Bindings
			if len(b) != 1 || b[0].Listener != "UDP" || b[0].ExpiresSeconds < 3500 || b[0].ExpiresSeconds > 3600 || b[0].Q != 1 || b[0].CallID == "" || b[0].CSeq != 1 || b[0].RegisteredSecondsAgo > 60 {
				t.Errorf("member %d: %+v", member, b)
			}
		}
		roles[role]++
		if (w.Member == w.Home) != (role == "home") || slices.Contains(w.Replicas, w.Member) != (role == "replica") {
			t.Errorf("%s is %s: %+v", w.Member, role, w)
		}
		out, err := f.ask(Where(), member, aor)
		owns := role == "home" || role == "replica"
		if err != nil || !strings.Contains(out, first.Home) || !strings.Contains(out, aor) || owns && !strings.Contains(out, "CONTACT") {
			t.Errorf("%v: %s", err, out)
		}
	}
	if roles["home"] != 1 || roles["replica"] != 1 { // the third may have it still, from when it was alone
		t.Errorf("roles: %v", roles)
	}
}

// TestAskingExplainsItself: why there is no answer, in words, and by the exit code.
func TestAskingExplainsItself(t *testing.T) {
	f := newFolder(t, 1)
	if _, err := f.ask(Where(), 1, "bob@example.com"); err == nil || ExitCode(err) != 1 || !strings.Contains(err.Error(), "there is no socket at") {
		t.Errorf("no socket: %v", err)
	}
	self := f.set.Members
	f.set.Members = nil
	f.publish()
	stop := f.start("m1", "--address", self[0].Address, "--control-socket", f.file("m1"))
	f.set.Members = self
	f.await(1, "/healthz", ready)
	for _, cmd := range []*cobra.Command{Where(), Bindings()} {
		args := map[string][]string{"where": {"bob@example.com"}}[cmd.Name()]
		if _, err := f.ask(cmd, 1, args...); err == nil || ExitCode(err) != 1 || !strings.Contains(err.Error(), "not in the member set yet") {
			t.Errorf("%s before there is a member set: %v", cmd.Name(), err)
		}
	}
	f.set.Epoch++
	f.publish()
	f.await(1, "/readyz", ready)
	for name, tt := range map[string]struct {
		cmd  *cobra.Command
		args []string
		code int
		want string
	}{
		"no AOR":             {Where(), nil, 2, "usage: "},
		"two AORs":           {Where(), []string{"a@example.com", "b@example.com"}, 2, "usage: "},
		"an unknown flag":    {Where(), []string{"a@example.com", "--fast"}, 2, "unknown flag"},
		"an unknown output":  {Where(), []string{"a@example.com", "-o", "xml"}, 2, "text or json"},
		"an invalid limit":   {Bindings(), []string{"--limit", "0"}, 2, "1..5000"},
		"no URI":             {Where(), []string{"bob"}, 1, "sip:user@domain"},
		"no user":            {Where(), []string{"sip:example.com"}, 1, "sip:user@domain"},
		"another scheme":     {Where(), []string{"mailto:bob"}, 1, "sip:user@domain"},
		"a control":          {Where(), []string{"bob\x1b[2J@example.com"}, 1, "sip:user@domain"},
		"an empty one":       {Where(), []string{""}, 1, "an address-of-record has 1 to"},
		"another domain":     {Where(), []string{"sip:bob@example.org"}, 1, `"example.org" is no domain that is served here`},
		"a long one":         {Where(), []string{strings.Repeat("b", 3000) + "@example.com"}, 1, "an address-of-record has 1 to"},
		"long when written":  {Where(), []string{strings.Repeat("\xc3\xa4", 1000) + "@example.com"}, 1, "address-of-record"},
		"an invalid token":   {Bindings(), []string{"--after", "%"}, 1, "no token"},
		"a pattern too long": {Bindings(), []string{"--aor", strings.Repeat("*", 300)}, 1, "at most 256 bytes"},
	} {
		out, err := f.ask(tt.cmd, 1, tt.args...)
		if err == nil || ExitCode(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v (exit code %d), want %q (%d); %s", name, err, ExitCode(err), tt.want, tt.code, out)
		}
	}
	var w answers.Where
	f.answer(&w, Where(), 1, "tel:+49-30-1234")
	if w.AOR != "sip:+49301234@example.com" || w.Held == nil || len(w.Held.Bindings) != 0 {
		t.Errorf("%+v", w)
	}
	if out, err := f.ask(Bindings(), 1); err != nil || !strings.Contains(out, "home of none") {
		t.Errorf("%v: %s", err, out)
	}
	stop()
	if _, err := os.Lstat(f.file("m1")); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestProxyGoesOnWithoutAControlSocket: calls are worth more than what it is for.
func TestProxyGoesOnWithoutAControlSocket(t *testing.T) {
	f := newFolder(t, 1)
	f.write("taken", []byte("a file"))
	f.start("m1", "--address", f.set.Members[0].Address, "--control-socket", f.file("taken"))
	f.await(1, "/readyz", ready)
	if got := f.register(1, "bob", "sip:bob@192.0.2.1"); !strings.HasPrefix(got, "SIP/2.0 200") {
		t.Error(got)
	}
	if b, err := os.ReadFile(f.file("taken")); string(b) != "a file" {
		t.Errorf("the file is gone: %v", err)
	}
}

// TestControlSocketOfTheConfiguration.
func TestControlSocketOfTheConfiguration(t *testing.T) {
	f := newFolder(t, 1)
	text, err := os.ReadFile(f.file("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	f.write("config.yaml", append(text, "controlSocket: "+filepath.Join(f.path, "m1")+"\n"...))
	f.start("m1", "--address", f.set.Members[0].Address)
	f.await(1, "/readyz", ready)
	var w answers.Where
	f.answer(&w, Where(), 1, "bob@example.com")
	if w.Member != "m1" || w.Home != "m1" {
		t.Errorf("%+v", w)
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"sip:bob@example.com": "sip:bob@example.com", "\x1b[2Jbob\r\n": "?[2Jbob??", "\u202ebob": "?bob", "b\xffb": "b?b", "häns": "häns",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestListenerName(t *testing.T) {
	one, two := &config.Config{}, &config.Config{Listeners: []config.Listener{{Name: "phones", Port: 5060}, {Name: "trunks", Port: 5070}}}
	mixed := &config.Config{Listeners: []config.Listener{{Name: "phones", Port: 5060}, {Name: "tcp", Protocol: "TCP", Port: 5060}, {Name: "more", Protocol: "TCP", Port: 5070}}}
	for _, c := range []*config.Config{one, two, mixed} {
		c.ApplyDefaults()
	}
	for _, tt := range []struct {
		c    *config.Config
		flow flow.Flow
		want string
	}{
		{one, flow.Flow{}, "UDP"},
		{two, flow.Flow{}, "phones"},
		{two, flow.Flow{Listener: 5060}, "phones"},
		{two, flow.Flow{Listener: 5070}, "trunks"},
		{two, flow.Flow{Listener: 5080}, "5080"},
		{mixed, flow.Flow{Listener: 5060}, "phones"},
		{mixed, flow.Flow{Listener: 5060, Transport: flow.TCP, Conn: 1}, "tcp"},
		{mixed, flow.Flow{Listener: 5070, Transport: flow.TCP, Conn: 1}, "more"},
		{mixed, flow.Flow{Transport: flow.TCP, Conn: 1, Owner: 2}, "tcp"},
		{mixed, flow.Flow{Listener: 5070}, "5070"},
		{mixed, flow.Flow{Transport: flow.WSS, Conn: 1}, "WSS"},
	} {
		if got := listenerName(tt.c, tt.flow); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.flow, got, tt.want)
		}
	}
}

// TestPinsAreNoBindings to who asks what is registered.
func TestPinsAreNoBindings(t *testing.T) {
	var seen []string
	f := withoutPins(func(aor []byte) { seen = append(seen, string(aor)) })
	for _, aor := range []string{"app:sip:bob@example.com", "sip:bob@example.com", "sip:app:x@example.com"} {
		f([]byte(aor))
	}
	if want := []string{"sip:bob@example.com", "sip:app:x@example.com"}; !slices.Equal(seen, want) {
		t.Errorf("%q, want %q", seen, want)
	}
}
