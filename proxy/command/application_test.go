package command

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/wire"
)

// userAgents are one beside each member, at a port that is the same for all: each answers every request with 200 until
// the test ends, or the function that it returns is called.
func (f *folder) userAgents() (port int, stop func()) {
	f.t.Helper()
	var all []net.PacketConn
	var running sync.WaitGroup
	stop = func() {
		for _, conn := range all {
			_ = conn.Close()
		}
		running.Wait()
	}
	f.t.Cleanup(stop)
	for _, m := range f.set.Members {
		conn, err := net.ListenPacket("udp", net.JoinHostPort(m.Address, strconv.Itoa(port)))
		if err != nil {
			f.t.Fatal(err)
		}
		all, port = append(all, conn), conn.LocalAddr().(*net.UDPAddr).Port
		running.Go(func() { answerAll(conn) })
	}
	return port, stop
}

func answerAll(conn net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var m wire.Message
		if m.Scan(buf[:n], nil) == nil && m.IsRequest() {
			_, _ = conn.WriteTo(wire.AppendResponse(nil, &m, 200, "OK", []byte("t"), fmt.Appendf(nil, "X-Application: %s\r\n", conn.LocalAddr())), from)
		}
	}
}

// withApplication has every member look after an application at a port.
func (f *folder) withApplication(port, drainSeconds int) {
	f.t.Helper()
	f.write("config.yaml", fmt.Appendf(nil, "cluster: test\ndomains: [example.com]\nlogLevel: error\ndrainSeconds: %d\negress: {contacts: Any}\n"+
		"ports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\nlocalApp: {port: %d, proxyPort: 15090, pinSeconds: %d, health: {periodMilliseconds: 100}}\n", drainSeconds, port, f.pinSeconds()))
}

// pinSeconds of the application: the default, unless the test has others.
func (f *folder) pinSeconds() int { return cmp.Or(f.pins, config.DefaultPinSeconds) }

// runAll runs every member within the test, and waits until all are ready; the stops end them in order.
func (f *folder) runAll() (all []*proxy, stops []func()) {
	f.t.Helper()
	for i := range f.set.Members {
		p, stop := f.run(i + 1)
		all, stops = append(all, p), append(stops, stop)
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	return all, stops
}

// run runs a member within the test, that of a number; stop ends it in order.
func (f *folder) run(member int) (p *proxy, stop func()) {
	f.t.Helper()
	m := f.set.Members[member-1]
	p, err := (&options{
		config: f.file("config.yaml"), members: f.file("members.json"), keys: f.file("keys.json"), name: m.Name, address: m.Address, controlSocket: f.file(m.Name),
	}).prepare()
	if err != nil {
		f.t.Fatal(err)
	}
	if f.log != nil {
		p.log = slog.New(slog.NewTextHandler(f.log, nil)) // which writes one line at a time
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, done := make(chan error, 1), false
	go func() { ended <- p.run(ctx) }()
	stop = func() {
		if done {
			return
		}
		done = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				f.t.Errorf("%s: %v", m.Name, err)
			}
		case <-time.After(patience):
			f.t.Errorf("%s does not end", m.Name)
		}
	}
	f.t.Cleanup(stop)
	return p, stop
}

// TestProxyLooksAfterItsApplication: status, report and metrics say how it is, and the member's readiness has nothing to
// do with it.
func TestProxyLooksAfterItsApplication(t *testing.T) {
	f := newFolder(t, 1)
	port, kill := f.userAgents()
	f.withApplication(port, 5)
	all, _ := f.runAll()
	p := all[0]
	saw := make(chan config.Report, 1)
	ctx, cancel := context.WithCancel(t.Context())
	reported := make(chan struct{})
	go func() {
		defer close(reported)
		p.keepReport(ctx, func(r config.Report) {
			select {
			case saw <- r:
			default:
			}
		})
	}()
	defer func() { cancel(); <-reported }()
	shows := func(state string, healthy int) {
		t.Helper()
		f.await(1, "/v1/status", func(_ int, body string) bool {
			return strings.Contains(body, fmt.Sprintf(`"state": %q,
    "since": 1`, state))
		})
		f.await(1, "/metrics", func(_ int, body string) bool {
			return strings.Contains(body, fmt.Sprintf("\nsipring_application_healthy %d\n", healthy))
		})
		for end := time.Now().Add(patience); ; {
			r := <-saw
			if r.Application != nil && string(r.Application.State) == state && r.Application.Since > 1_700_000_000_000 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("reported as %+v", r.Application)
			}
		}
	}
	shows("Serving", 1)
	kill()
	shows("Down", 0)
	if status, body := f.get(1, "/readyz"); status != 200 {
		t.Errorf("/readyz: %d %s", status, body)
	}
}

// TestNoApplication is in no status, report or metric.
func TestNoApplication(t *testing.T) {
	f := newFolder(t, 1)
	all, _ := f.runAll()
	p := all[0]
	_, status := f.get(1, "/v1/status")
	_, metrics := f.get(1, "/metrics")
	if strings.Contains(status, `"application"`) || strings.Contains(metrics, "sipring_application_") || p.beside.report() != nil {
		t.Errorf("%s", status)
	}
}

// TestCallsPinTheirAddress at every member, for as long as they go on and pinSeconds after.
func TestCallsPinTheirAddress(t *testing.T) {
	f := newFolder(t, 2)
	port, _ := f.userAgents()
	f.withApplication(port, 0) // its calls do not end
	all, _ := f.runAll()
	one, two := all[0], all[1]
	f.until("the application serves", func() bool { return two.beside.Table.Serves(2) })
	aor := []byte("sip:conference@example.com")
	pin := application.AppendPinAOR(nil, aor)
	pinned := func(p *proxy) uint32 {
		look, ok := p.node.Load().Look(pin)
		if !ok {
			return 0
		}
		id, _ := application.Pinned(look.Record, look.Now)
		return id
	}
	two.beside.CallBegan(aor, []byte("call"))
	f.until("the pin at both members", func() bool { return pinned(one) == 2 && pinned(two) == 2 })
	f.until("it is counted", func() bool { return two.beside.Stats().PinsWritten == 1 })
	if out, err := f.ask(Bindings(), 1); err != nil || strings.Contains(out, "conference") {
		t.Errorf("%v: %s", err, out)
	}
	// As the other member would tell it.
	one.beside.Table.Set(2, 7, application.Serving)
	one.beside.CallBegan(aor, []byte("another call"))
	f.until("the other application keeps it", func() bool { return one.beside.Stats().PinsHeld == 1 })
	if pinned(one) != 2 || one.beside.Stats().PinsWritten != 0 {
		t.Error("an application has taken the pin of another one that serves")
	}
	one.beside.Table.Set(2, 7, application.Leaving)
	other := []byte("sip:other@example.com")
	two.beside.CallBegan(other, []byte("third call"))
	f.until("another pin", func() bool { return two.beside.Stats().PinsWritten == 2 })
	one.beside.CallBegan(other, []byte("fourth call"))
	f.until("it is taken from one that leaves", func() bool { return one.beside.Stats().PinsWritten == 1 })
	look, _ := one.node.Load().Look(pin)
	for b := range look.Record.Live(look.Now) {
		if left := b.ExpiresIn(look.Now); left < 50 {
			t.Errorf("%d s are left of it", left)
		}
	}
	two.beside.CallEnded([]byte("call"))
	f.until("it ends pinSeconds after", func() bool {
		look, _ := one.node.Load().Look(pin)
		for b := range look.Record.Live(look.Now) {
			return b.ExpiresIn(look.Now) <= config.DefaultPinSeconds
		}
		return false
	})
}

// TestPinIsThereBeforeTheAnswer: it is written when the call comes, and does not wait for the next look.
func TestPinIsThereBeforeTheAnswer(t *testing.T) {
	f := newFolder(t, 2)
	port, _ := f.userAgents()
	f.withApplication(port, 0)
	all, _ := f.runAll()
	one, two := all[0], all[1]
	f.until("the application serves", func() bool { return two.beside.Table.Serves(2) && two.beside.State() == application.Serving })
	const calls = 20
	began := time.Now()
	for i := range calls {
		aor := fmt.Appendf(nil, "sip:conference-%d@example.com", i)
		two.beside.CallComes(aor)
		f.until("the pin at the other member", func() bool {
			look, ok := one.node.Load().Look(application.AppendPinAOR(nil, aor))
			if !ok {
				return false
			}
			id, _ := application.Pinned(look.Record, look.Now)
			return id == 2
		})
	}
	if took := time.Since(began); took > calls*pinInterval/4 { // half of it each, if they waited for the next look
		t.Errorf("%d pins, one after the other, took %v", calls, took)
	}
}
