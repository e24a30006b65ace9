package demo

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/demo/phones"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/peer"
)

func good() *result {
	return &result{
		victim: "proxy-0", phones: 12, calls: 4, patience: 2 * time.Second, rehomed: 5,
		registered: 12, callable: 12, byes: 4, callableAgain: 12, ringing: phones.Outcome{OK: 4, Of: 4},
		firstCall: 4200 * time.Microsecond, detected: 5100 * time.Microsecond, ringRebuilt: 10200 * time.Microsecond,
	}
}

func TestWhatCountsAsLost(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*result)
		want   bool
	}{
		"nothing":                        {func(*result) {}, false},
		"a registration":                 {func(r *result) { r.registered-- }, true},
		"a phone that was not reached":   {func(r *result) { r.callable-- }, true},
		"a call":                         {func(r *result) { r.byes-- }, true},
		"a call that rang":               {func(r *result) { r.ringing.OK-- }, true},
		"a phone once the proxy is back": {func(r *result) { r.callableAgain-- }, true},
		"nothing was measured":           {func(r *result) { *r = result{phones: 1} }, true},
		"a call that waited":             {func(r *result) { r.waited.Of++ }, true},
		"a phone that did not come back": {func(r *result) { r.reconnected.Of++ }, true},
		"no phone had its home there":    {func(r *result) { r.rehomed, r.firstCall = 0, 0 }, false},
	} {
		r := good()
		c.change(r)
		if got := r.lost(); got != c.want {
			t.Errorf("%s: lost %v, want %v", name, got, c.want)
		}
	}
}

func TestReport(t *testing.T) {
	r := good()
	r.registered, r.byes, r.callable, r.callableAgain, r.firstCall = 11, 1, 10, 9, 0
	r.ringing.OK = 2
	var out bytes.Buffer
	r.print(&out)
	want := `
SIGKILL of proxy-0, one of the cluster's proxies
  loss noticed by every survivor after                 5.1 ms
  new effective ring on every survivor after           10.2 ms
  phones whose home it was                             5
  first call to one of them answered after             not seen
  registrations lost                                   1 of 12
  phones callable within 2s without registering again  10 of 12
  in-dialog requests (BYE) answered after the kill     1 of 4
  calls lost                                           3 of 4
  calls ringing at the kill: lost                      2 of 4
  phones callable once it is back, empty               9 of 12

`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// Of phones on several transports each is counted apart.
func TestReportOfConnections(t *testing.T) {
	r := good()
	r.over = transports{flow.UDP, flow.WSS}
	r.onEach[flow.UDP], r.onEach[flow.WSS] = phones.Outcome{OK: 6, Of: 6}, phones.Outcome{OK: 5, Of: 6}
	r.reconnected, r.slowestBack = phones.Outcome{OK: 1, Of: 2}, 1100*time.Millisecond
	r.waited, r.slowestWaited = phones.Outcome{OK: 3, Of: 4}, 20*time.Millisecond
	var out bytes.Buffer
	r.print(&out)
	for _, want := range []string{
		"  phones on UDP callable within 2s without registering again  6 of 6\n",
		"  phones on WSS callable within 2s of being connected         5 of 6\n",
		"  phones whose connection ended with it, back after 1 s       1 of 2, the last after 1100.0 ms\n",
		"  calls that waited for one of them, delivered                3 of 4, 20.0 ms after it was back at most\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestObserveTakesTheSlowestSurvivor(t *testing.T) {
	killed := time.Unix(1000, 0)
	at := func(after time.Duration) int64 { return killed.Add(after).UnixNano() }
	r := &result{killed: killed}
	pending := map[string]bool{"proxy-1": true, "proxy-2": true}
	for _, e := range []struct {
		survivor string
		event    peer.Event
	}{
		{"proxy-1", peer.Event{Kind: peer.EventPeerLost, Member: 1, UnixNano: at(3 * time.Millisecond)}},
		{"proxy-2", peer.Event{Kind: peer.EventPeerLost, Member: 1, UnixNano: at(5 * time.Millisecond)}},
		{"proxy-2", peer.Event{Kind: peer.EventPeerLost, Member: 2, UnixNano: at(time.Second)}}, // another one
		{"proxy-2", peer.Event{Kind: peer.EventRingChanged, UnixNano: at(9 * time.Millisecond)}},
		{"proxy-1", peer.Event{Kind: peer.EventRingChanged, UnixNano: at(7 * time.Millisecond)}},
		{"proxy-1", peer.Event{Kind: peer.EventRingChanged, UnixNano: at(2 * time.Second)}}, // it is back
	} {
		r.observe(e.survivor, 1, e.event, pending)
	}
	if r.detected != 5*time.Millisecond || r.ringRebuilt != 9*time.Millisecond || len(pending) != 0 {
		t.Errorf("noticed after %v, ring after %v, still awaited %v; want 5ms, 9ms and nobody", r.detected, r.ringRebuilt, pending)
	}
}

func TestEventsInWords(t *testing.T) {
	s := &scenario{cluster: &cluster{processes: []*fleet.Process{{ID: 7, Name: "proxy-6"}}}}
	for want, e := range map[string]peer.Event{
		"lost proxy-6: silent":               {Kind: peer.EventPeerLost, Member: 7, Detail: "silent"},
		"sees proxy-6 again":                 {Kind: peer.EventPeerUp, Member: 7},
		"sees ? again":                       {Kind: peer.EventPeerUp, Member: 8},
		"new effective ring: 2 members":      {Kind: peer.EventRingChanged, Detail: "2 members"},
		"is now home of 1 re-homed binding":  {Kind: peer.EventRehomed, Count: 1},
		"is now home of 2 re-homed bindings": {Kind: peer.EventRehomed, Count: 2},
		"the bindings it is home of have their copies again, 2ms after the loss": {Kind: peer.EventRepaired, Detail: "2ms after the loss"},
		"follows the published set": {Kind: peer.EventMembers},
		"odd":                       {Kind: "odd"},
		"odd: thing":                {Kind: "odd", Detail: "thing"},
	} {
		if got := s.describe(e); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
}

func TestTimeline(t *testing.T) {
	var out bytes.Buffer
	l := newTimeline(&out)
	began := l.began
	l.add(began.Add(1500*time.Millisecond), "phones", "%d calls", 3)
	entries, changed := l.since(0)
	if len(entries) != 1 || entries[0].Seq != 1 || entries[0].Text != "3 calls" || entries[0].UnixNano != began.Add(1500*time.Millisecond).UnixNano() {
		t.Errorf("entries %+v", entries)
	}
	l.markKill(began.Add(2 * time.Second))
	l.saw(began.Add(2*time.Second+3*time.Millisecond), "proxy-1", peer.Event{Seq: 77, Kind: peer.EventPeerLost, Member: 4}, "lost")
	l.add(began.Add(1900*time.Millisecond), "proxy-2", "said before")
	select {
	case <-changed:
	default:
		t.Error("who waits for the next entry is not told")
	}
	entries, _ = l.since(1)
	if len(entries) != 2 || entries[0].Seq != 2 || entries[0].Kind != peer.EventPeerLost || entries[0].Member != 4 || entries[1].Seq != 3 {
		t.Errorf("entries %+v", entries)
	}
	if rest, _ := l.since(9); len(rest) != 0 {
		t.Errorf("entries after the last: %+v", rest)
	}
	want := "   1.500 s          phones     3 calls\n" +
		"kill      +3.0 ms   proxy-1    lost\n" +
		"   1.900 s          proxy-2    said before\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

// Only who did not interrupt the demo wants the logs.
func TestExplainKeepsTheLogs(t *testing.T) {
	fault := errors.New("fault")
	c := &cluster{dir: "/somewhere"}
	if err := c.explain(t.Context(), nil); err != nil || c.keep {
		t.Errorf("no fault: %v, kept: %v", err, c.keep)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.explain(ended, fault); !errors.Is(err, fault) || c.keep {
		t.Errorf("interrupted: %v, kept: %v", err, c.keep)
	}
	if err := c.explain(t.Context(), fault); !errors.Is(err, fault) || err.Error() != "fault (logs in /somewhere)" || !c.keep {
		t.Errorf("fault: %v, kept: %v", err, c.keep)
	}
}
