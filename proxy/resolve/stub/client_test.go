package stub

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/resolve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nameServer is one on loopback, over UDP and TCP.
type nameServer struct {
	addr netip.AddrPort

	mu    sync.Mutex
	asked []string // over what, type and name
}

// serve starts a name server whose answers are made by a function: nil is silence.
func serve(t testing.TB, answer func(network string, q *dns.Msg) *dns.Msg) *nameServer {
	t.Helper()
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	n := &nameServer{addr: udp.LocalAddr().(*net.UDPAddr).AddrPort()}
	tcp, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(n.addr))
	if err != nil {
		t.Skip(err) // another one has that port
	}
	handler := func(network string) dns.Handler {
		return dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
			n.mu.Lock()
			n.asked = append(n.asked, network+" "+dns.TypeToString[q.Question[0].Qtype]+" "+q.Question[0].Name)
			n.mu.Unlock()
			if m := answer(network, q); m != nil {
				_ = w.WriteMsg(m)
			}
		})
	}
	var running sync.WaitGroup
	t.Cleanup(running.Wait) // the last one
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: handler("udp")}, {Listener: tcp, Handler: handler("tcp")}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		running.Go(func() { _ = s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return n
}

// log is what was asked since the last time, sorted.
func (n *nameServer) log() (asked []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	asked, n.asked = n.asked, nil
	slices.Sort(asked)
	return asked
}

// records answers with those of text, one a line, that have the name or are in a chain of
// aliases from it.
func records(text string) func(string, *dns.Msg) *dns.Msg {
	return func(_ string, q *dns.Msg) *dns.Msg { return with(q, text) }
}

func with(q *dns.Msg, text string) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(q)
	for line := range strings.Lines(text) {
		rr, err := dns.NewRR(line)
		switch {
		case err != nil:
			panic(err)
		case rr == nil:
		case rr.Header().Rrtype == dns.TypeSOA:
			m.Ns = append(m.Ns, rr)
		default:
			m.Answer = append(m.Answer, rr)
		}
	}
	return m
}

func ask(t testing.TB, c *Client, within time.Duration, questions ...resolve.Question) []resolve.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return c.Ask(ctx, questions)
}

// TestRecordsOfAName: what counts of an answer.
func TestRecordsOfAName(t *testing.T) {
	long := ""
	for i := range 20 {
		long += fmt.Sprintf("c%d.example. 60 IN CNAME c%d.example.\n", i, i+1)
	}
	many := ""
	for i := range 100 {
		many += fmt.Sprintf("a.example. 60 IN A 192.0.2.%d\n", i)
	}
	for name, c := range map[string]struct {
		text  string
		rcode int
		q     resolve.Question
		want  resolve.Answer
	}{
		"A":           {"a.example. 60 IN A 192.0.2.1\na.example. 30 IN A 192.0.2.2", 0, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{Status: resolve.Answered, TTL: 30, Addresses: addrs("192.0.2.1", "192.0.2.2")}},
		"AAAA":        {"A.Example. 60 IN AAAA 2001:db8::1", 0, resolve.Question{Name: "a.example", Type: resolve.AAAA}, resolve.Answer{Status: resolve.Answered, TTL: 60, Addresses: addrs("2001:db8::1")}},
		"SRV":         {"_sip._udp.a.example. 60 IN SRV 10 20 5070 B.example.", 0, resolve.Question{Name: "_sip._udp.a.example", Type: resolve.SRV}, resolve.Answer{Status: resolve.Answered, TTL: 60, Servers: []resolve.Server{{Priority: 10, Weight: 20, Port: 5070, Target: "b.example"}}}},
		"SRV of none": {"a.example. 60 IN SRV 0 0 0 .", 0, resolve.Question{Name: "a.example", Type: resolve.SRV}, resolve.Answer{Status: resolve.Answered, TTL: 60, Servers: []resolve.Server{{}}}},
		"NAPTR":       {`a.example. 60 IN NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp.A.example.`, 0, resolve.Question{Name: "a.example", Type: resolve.NAPTR}, resolve.Answer{Status: resolve.Answered, TTL: 60, Rules: []resolve.Rule{{Order: 10, Preference: 50, Flags: "s", Service: "SIPS+D2T", Replace: "_sips._tcp.a.example"}}}},
		"an alias":    {"a.example. 20 IN CNAME b.example.\nb.example. 60 IN A 192.0.2.1", 0, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{Status: resolve.Answered, TTL: 20, Addresses: addrs("192.0.2.1")}},
		"aliases in a circle": {
			"a.example. 20 IN CNAME b.example.\nb.example. 60 IN CNAME a.example.", 0,
			resolve.Question{Name: "a.example", Type: resolve.A},
			resolve.Answer{Status: resolve.None},
		},
		"too many aliases":     {long + "c20.example. 60 IN A 192.0.2.1", 0, resolve.Question{Name: "c0.example", Type: resolve.A}, resolve.Answer{Status: resolve.None}},
		"of another name":      {"b.example. 60 IN A 192.0.2.1\na.example.b.example. 60 IN A 192.0.2.2", 0, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{Status: resolve.None}},
		"of another type":      {"a.example. 60 IN AAAA 2001:db8::1", 0, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{Status: resolve.None}},
		"of another class":     {"a.example. 60 CH A 192.0.2.1", 0, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{Status: resolve.None}},
		"no more than is used": {many, 0, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{Status: resolve.Answered, TTL: 60, Addresses: counted(MaxRecords)}},
		"nothing (RFC 2308 5)": {"example. 900 IN SOA ns.example. x.example. 1 2 3 4 300", 0, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{Status: resolve.None, TTL: 300}},
		"no such name":         {"example. 90 IN SOA ns.example. x.example. 1 2 3 4 300", dns.RcodeNameError, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{Status: resolve.None, TTL: 90}},
		"a failure":            {"", dns.RcodeServerFailure, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{}},
		"a refusal":            {"", dns.RcodeRefused, resolve.Question{Name: "a.example", Type: resolve.A}, resolve.Answer{}},
	} {
		s := serve(t, func(_ string, q *dns.Msg) *dns.Msg {
			m := with(q, c.text)
			m.Rcode = c.rcode
			return m
		})
		if d := cmp.Diff(c.want, ask(t, At(s.addr), 5*time.Second, c.q)[0], cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func counted(n int) (out []netip.Addr) {
	for i := range n {
		out = append(out, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	return out
}

// TestEachNameIsAskedForOnce: names are absolute, so a search list makes no further ones.
func TestEachNameIsAskedForOnce(t *testing.T) {
	s := serve(t, records(""))
	both := []resolve.Question{{Name: "a.example", Type: resolve.AAAA}, {Name: "a.example", Type: resolve.A}}
	for _, a := range ask(t, At(s.addr), 5*time.Second, both...) {
		if a.Status != resolve.None {
			t.Errorf("%+v", a)
		}
	}
	if got := s.log(); !slices.Equal(got, []string{"udp A a.example.", "udp AAAA a.example."}) {
		t.Errorf("asked %v", got)
	}
}

// TestRFC7766_5_TruncatedAnswersComeByTCP.
func TestRFC7766_5_TruncatedAnswersComeByTCP(t *testing.T) {
	s := serve(t, func(network string, q *dns.Msg) *dns.Msg {
		if network == "udp" {
			m := with(q, "")
			m.Truncated = true
			return m
		}
		return with(q, "a.example. 60 IN A 192.0.2.1")
	})
	got := ask(t, At(s.addr), 5*time.Second, resolve.Question{Name: "a.example", Type: resolve.A})[0]
	if got.Status != resolve.Answered || !slices.Equal(s.log(), []string{"tcp A a.example.", "udp A a.example."}) {
		t.Errorf("%+v", got)
	}
}

// TestRFC6891_7_ServersWithoutEDNS are asked again without.
func TestRFC6891_7_ServersWithoutEDNS(t *testing.T) {
	s := serve(t, func(_ string, q *dns.Msg) *dns.Msg {
		if q.IsEdns0() != nil {
			m := new(dns.Msg)
			return m.SetRcodeFormatError(q)
		}
		return with(q, "a.example. 60 IN A 192.0.2.1")
	})
	if got := ask(t, At(s.addr), 5*time.Second, resolve.Question{Name: "a.example", Type: resolve.A})[0]; got.Status != resolve.Answered {
		t.Errorf("%+v", got)
	}
	always := serve(t, func(_ string, q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcodeFormatError(q) })
	if got := ask(t, At(always.addr), time.Second, resolve.Question{Name: "a.example", Type: resolve.A})[0]; got.Status != resolve.Failed {
		t.Errorf("%+v", got)
	}
	if n := len(always.log()); n > 3 { // with, without, and once more
		t.Errorf("asked %d times", n)
	}
}

// TestTheNextServerIsAsked where one is silent, fails, or is not there; and the same one
// again where a datagram is lost.
func TestTheNextServerIsAsked(t *testing.T) {
	q := resolve.Question{Name: "a.example", Type: resolve.A}
	good := serve(t, records("a.example. 60 IN A 192.0.2.1"))
	silent := serve(t, func(string, *dns.Msg) *dns.Msg { return nil })
	fails := serve(t, func(_ string, q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure) })
	for name, bad := range map[string]netip.AddrPort{"silent": silent.addr, "fails": fails.addr, "not there": netip.MustParseAddrPort("127.0.0.1:1")} {
		if got := ask(t, At(bad, good.addr), time.Second, q)[0]; got.Status != resolve.Answered {
			t.Errorf("%s: %+v", name, got)
		}
	}
	var asked atomic.Bool
	late := serve(t, func(_ string, q *dns.Msg) *dns.Msg {
		if !asked.Swap(true) { // the first datagram is lost
			return nil
		}
		return with(q, "a.example. 60 IN A 192.0.2.1")
	})
	if got := ask(t, At(late.addr), time.Second, q)[0]; got.Status != resolve.Answered {
		t.Errorf("%+v", got)
	}
	began := time.Now()
	if got := ask(t, At(silent.addr), 200*time.Millisecond, q)[0]; got.Status != resolve.Failed || time.Since(began) > 5*time.Second {
		t.Errorf("%+v after %v", got, time.Since(began))
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if got := At(silent.addr).Ask(ctx, []resolve.Question{q})[0]; got.Status != resolve.Failed || time.Since(began) > 4*time.Second {
		t.Errorf("%+v after %v", got, time.Since(began))
	}
}

// TestRFC5452_9_1_ForgedAnswers: what does not have the question, or its number, is none.
func TestRFC5452_9_1_ForgedAnswers(t *testing.T) {
	for name, forge := range map[string]func(m *dns.Msg){
		"number":         func(m *dns.Msg) { m.Id++ },
		"name":           func(m *dns.Msg) { m.Question[0].Name = "b.example." },
		"type":           func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA },
		"class":          func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS },
		"no question":    func(m *dns.Msg) { m.Question = nil },
		"two questions":  func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"not a response": func(m *dns.Msg) { m.Response = false },
		"another opcode": func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify },
	} {
		s := serve(t, func(_ string, q *dns.Msg) *dns.Msg {
			m := with(q, "a.example. 60 IN A 192.0.2.1\nb.example. 60 IN A 192.0.2.1")
			forge(m)
			return m
		})
		if got := ask(t, At(s.addr), 300*time.Millisecond, resolve.Question{Name: "a.example", Type: resolve.A})[0]; got.Status != resolve.Failed {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestFilesOfTheHost are followed: resolv.conf, and hosts, of which DNS is not asked.
func TestFilesOfTheHost(t *testing.T) {
	dir := t.TempDir()
	conf, hosts := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "hosts")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := New(conf, hosts)
	if got := c.servers(); !slices.Equal(got, itself) {
		t.Errorf("without a file: %v", got)
	}
	write(conf, "# of a pod\nsearch voice.svc.cluster.local svc.cluster.local\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver nobody\nnameserver 192.0.2.54\nnameserver 192.0.2.55\noptions ndots:5\n")
	write(hosts, "127.0.0.1 localhost\n192.0.2.7\tSBC.Example. sbc # the old one\n2001:db8::7 sbc.example\nx y\n")
	c.conf.looked, c.hosts.looked = time.Time{}, time.Time{} // as if some seconds had passed
	want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.53:53"), netip.MustParseAddrPort("[2001:db8::53]:53"), netip.MustParseAddrPort("192.0.2.54:53")}
	if got := c.servers(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	got := ask(t, c, 100*time.Millisecond, resolve.Question{Name: "sbc.example", Type: resolve.A}, resolve.Question{Name: "sbc.example", Type: resolve.AAAA}, resolve.Question{Name: "sbc.example", Type: resolve.NAPTR})
	if !slices.Equal(got[0].Addresses, addrs("192.0.2.7")) || !slices.Equal(got[1].Addresses, addrs("2001:db8::7")) || got[2].Status != resolve.None {
		t.Errorf("%+v", got)
	}
	if err := os.Remove(conf); err != nil {
		t.Fatal(err)
	}
	c.conf.looked = time.Time{}
	if got := c.servers(); !slices.Equal(got, want) {
		t.Errorf("when the file is gone: %v", got)
	}
}

// FuzzAnswer: whatever a server sends, what is taken of it is bounded, and of what was asked.
func FuzzAnswer(f *testing.F) {
	q := new(dns.Msg).SetQuestion("a.example.", dns.TypeSRV)
	for _, text := range []string{
		"a.example. 60 IN SRV 1 2 3 b.example.", "a.example. 60 IN CNAME b.example.\nb.example. 60 IN A 192.0.2.1",
		`a.example. 60 IN NAPTR 10 50 "s" "SIP+D2U" "" x.example.`, "example. 900 IN SOA ns.example. x.example. 1 2 3 4 300",
	} {
		packed, err := with(q, text).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed, uint8(resolve.SRV))
	}
	f.Fuzz(func(t *testing.T, packed []byte, kind uint8) {
		question := resolve.Question{Name: "a.example", Type: resolve.Type(kind % 4)}
		e := &exchange{questions: []resolve.Question{question}, open: []bool{true}, ids: []uint16{1}, bare: []bool{true}}
		if len(packed) > 2 {
			packed[0], packed[1] = 0, 1
		}
		_, m := e.match(packed)
		if m == nil {
			return
		}
		a := read(m, question)
		n := len(a.Addresses) + len(a.Servers) + len(a.Rules)
		if n > MaxRecords || (n > 0) != (a.Status == resolve.Answered) {
			t.Fatalf("%d records, %+v", n, a)
		}
		for _, s := range a.Servers {
			if strings.HasSuffix(s.Target, ".") || strings.ToLower(s.Target) != s.Target {
				t.Fatalf("%q", s.Target)
			}
		}
	})
}
