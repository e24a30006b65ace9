package command

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/control/answers"
)

// drained asks a member to drain, in the background.
func (f *folder) drained(member int) (out *bytes.Buffer, ended chan error) {
	out, ended = &bytes.Buffer{}, make(chan error, 1)
	cmd := Drain()
	cmd.SetOut(out)
	cmd.SetErr(out)
	cmd.SetArgs([]string{"--socket", f.file(f.set.Members[member-1].Name)})
	go func() { ended <- cmd.ExecuteContext(f.t.Context()) }()
	return out, ended
}

func (f *folder) wantDrained(ended chan error) {
	f.t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			f.t.Errorf("drain: %v", err)
		}
	case <-time.After(patience):
		f.t.Fatal("drain does not end")
	}
}

// TestDrainHandsOverAndStays: another member has what this one had, which runs on; a second drain is at its end at once,
// and an end of the process after it waits for nothing, whatever still comes.
func TestDrainHandsOverAndStays(t *testing.T) {
	f := newFolder(t, 2)
	f.write("config.yaml", []byte("cluster: test\ndomains: [example.com]\nlogLevel: error\ndrainSeconds: 600\negress: {contacts: Any}\nports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\n"))
	all, stops := f.runAll()
	p, stop := all[0], stops[0]
	for _, user := range []string{"a", "b", "c", "d", "e", "f"} {
		f.register(1, user, "sip:"+user+"@192.0.2.1")
	}
	for range 2 {
		if out, err := f.ask(Drain(), 1); err != nil || out != "handed over\ndrained\n" {
			t.Errorf("%v: %q", err, out)
		}
	}
	var last answers.Drain
	f.answer(&last, Drain(), 1)
	if last != (answers.Drain{HandedOver: true, Drained: true}) {
		t.Errorf("%+v", last)
	}
	var w answers.Where
	for _, user := range []string{"a", "b", "c", "d", "e", "f"} {
		if f.answer(&w, Where(), 2, "sip:"+user+"@example.com"); w.Home != "m2" || w.Held == nil || len(w.Held.Bindings) != 1 {
			t.Errorf("%s: %+v", user, w)
		}
	}
	f.await(1, "/readyz", func(status int, body string) bool { return status == 503 && strings.Contains(body, "handed over") })
	if got := f.register(1, "a", ""); !strings.Contains(got, "192.0.2.1") {
		t.Errorf("who still comes is answered %s", got)
	}
	f.until("nothing is waited for", func() bool {
		select {
		case <-p.departure.done:
			return true
		default:
			return false
		}
	})
	conn, err := net.Dial("udp", net.JoinHostPort(f.set.Members[0].Address, "15060"))
	if err != nil {
		t.Fatal(err)
	}
	over, sent := make(chan struct{}), make(chan struct{})
	go func() { // requests without end, for which another drain would wait
		defer close(sent)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-over:
				tick.Stop()
				return
			case <-tick.C:
				_, _ = conn.Write([]byte("OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bKo\r\nFrom: <sip:a@example.com>;tag=a\r\nTo: <sip:example.com>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n"))
			}
		}
	}()
	stop()
	close(over)
	<-sent
	_ = conn.Close()
}

// TestDrainWaitsForTheCallsOfTheApplication, which gets no new ones from the first moment on. Whoever waits with a bound
// is told what is left; two who wait are both told of the end.
func TestDrainWaitsForTheCallsOfTheApplication(t *testing.T) {
	f := newFolder(t, 2)
	port, _ := f.userAgents()
	f.withApplication(port, 5)
	all, _ := f.runAll()
	p := all[0]
	f.until("the application serves", func() bool { return p.beside.Table.Serves(1) })
	p.beside.CallBegan([]byte("sip:a@example.com"), []byte("1"))
	p.beside.CallBegan([]byte("sip:b@example.com"), []byte("2"))
	out, ended := f.drained(1)
	f.until("it takes no new calls", func() bool { return p.beside.Table.State(1) == application.Leaving })
	f.until("it has handed over", func() bool { return p.departure.handedOver.Load() && p.lettingGo.Load() })
	if out, err := f.ask(Drain(), 1, "--timeout", "500ms"); err == nil || ExitCode(err) != 1 || out != "handed over\n2 calls at the application\n" ||
		!strings.Contains(err.Error(), "not drained after 500ms: 2 calls at the application") {
		t.Errorf("%v: %q", err, out)
	}
	p.beside.CallEnded([]byte("1"))
	second, secondEnded := f.drained(1)
	f.until("the first is told of one call", func() bool { return p.beside.Calls() == 1 })
	select {
	case err := <-ended:
		t.Errorf("a call goes on, and drain ends: %v", err)
	case <-time.After(3 * callsPoll): // each looks meanwhile
	}
	p.beside.CallEnded([]byte("2"))
	f.wantDrained(ended)
	f.wantDrained(secondEnded)
	if got := out.String(); !strings.Contains(got, "1 call at the application\n") || !strings.HasSuffix(got, "no calls at the application\ndrained\n") {
		t.Errorf("%q", got)
	}
	if got := second.String(); !strings.HasPrefix(got, "handed over\n1 call at the application\n") || !strings.HasSuffix(got, "drained\n") {
		t.Errorf("%q", got)
	}
}

// TestEndOfTheProcessWaitsForTheCallsOfTheApplication, for drainSeconds.
func TestEndOfTheProcessWaitsForTheCallsOfTheApplication(t *testing.T) {
	f := newFolder(t, 1)
	port, _ := f.userAgents()
	f.withApplication(port, 600)
	all, stops := f.runAll()
	p, stop := all[0], stops[0]
	p.beside.CallBegan([]byte("sip:a@example.com"), []byte("1"))
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	f.until("it takes no new calls", func() bool { return p.beside.Table.State(1) == application.Leaving })
	select {
	case <-stopped:
		t.Error("it has ended, and the call goes on")
	case <-time.After(3 * callsPoll):
	}
	p.beside.CallEnded([]byte("1"))
	<-stopped
}

// TestDrainIsAskedWell or told what is wrong.
func TestDrainIsAskedWell(t *testing.T) {
	f := newFolder(t, 1)
	for _, args := range [][]string{{"m1"}, {"--timeout", "-1s"}, {"--timeout", "long"}} {
		if _, err := f.ask(Drain(), 1, args...); ExitCode(err) != 2 {
			t.Errorf("%q: %v", args, err)
		}
	}
	if _, err := f.ask(Drain(), 1); ExitCode(err) != 1 || !strings.Contains(err.Error(), "there is no socket") {
		t.Errorf("%v", err)
	}
}

// written is a log that is read while it is written.
type written struct {
	mu   sync.Mutex
	text strings.Builder
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// TestDrainSaysHowLongItWaits: the log has each step, in its order, with the calls that are left and the time.
func TestDrainSaysHowLongItWaits(t *testing.T) {
	f := newFolder(t, 2)
	port, _ := f.userAgents()
	f.withApplication(port, 5)
	log := &written{}
	f.log = log
	p, _ := f.run(1)
	f.log = nil
	f.run(2)
	f.await(1, "/readyz", ready)
	f.await(2, "/readyz", ready)
	f.until("the application serves", func() bool { return p.beside.State() == application.Serving })
	p.beside.CallBegan([]byte("sip:a@example.com"), []byte("1"))
	ended := make(chan error, 1)
	go func() {
		_, err := f.ask(Drain(), 1, "--timeout", "30s")
		ended <- err
	}()
	f.until("it waits", func() bool { return strings.Contains(log.String(), "waiting for the calls") })
	p.beside.CallEnded([]byte("1"))
	f.wantDrained(ended)
	rest := log.String()
	for _, line := range []string{
		`msg="draining: asked over the control socket" calls=1 atMost=30s`,
		`msg="the application gets no new calls: this proxy leaves" calls=1`,
		`msg="not ready any more: flows go elsewhere"`,
		`msg="waiting for the calls of the application" calls=1 atMost=`,
		`msg="the application has no calls any more"`,
	} {
		_, after, ok := strings.Cut(rest, line)
		if !ok {
			t.Fatalf("no %s, or not in this order:\n%s", line, log)
		}
		rest = after
	}
}
