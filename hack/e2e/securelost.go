//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// everybody has each end call each, twice: who calls hangs up, and who is called.
func (s *secure) everybody(ctx context.Context) {
	ends := s.ends()
	began, before := time.Now(), s.result.Desk
	for i := range 2 * len(ends) * len(ends) {
		from, to := ends[i/2/len(ends)], ends[i/2%len(ends)]
		if from != to {
			s.result.Desk.Count(s.converse(ctx, from, to, i%2 == 1))
		}
	}
	s.stage.step("%d of %d calls of everybody to everybody were answered, and hung up from either side, in %v",
		s.result.Desk.OK-before.OK, s.result.Desk.Of-before.Of, time.Since(began).Round(time.Millisecond))
}

// moves has the softphones put each other on hold, and transfer each other to a phone.
func (s *secure) moves(ctx context.Context) error {
	began := time.Now()
	var all []holder
	for _, e := range s.soft {
		all = append(all, e)
	}
	made, err := moves(ctx, all, s.phones[0])
	s.stage.step("%d calls of softphones went on after they were held from either side, and were transferred, in %v: %v",
		made, time.Since(began).Round(time.Millisecond), orWell(err))
	return err
}

func (s *secure) converse(ctx context.Context, from, to end, byCallee bool) error {
	ctx, cancel := context.WithTimeout(ctx, secureLimit)
	defer cancel()
	return converse(ctx, from, to, byCallee)
}

// ends are softphones and a phone of each transport.
func (s *secure) ends() (all []end) {
	for _, e := range s.soft {
		all = append(all, e)
	}
	seen := map[flow.Transport]bool{}
	for _, e := range s.phones {
		if t := e.phone.Transport(); !seen[t] {
			seen[t] = true
			all = append(all, e)
		}
	}
	return all
}

// connected: the proxies count as many connections of each transport as there are ends
// with one.
func (s *secure) connected(ctx context.Context) {
	want := map[string]float64{}
	for _, e := range s.soft {
		want[strings.ToUpper(e.transport())]++
	}
	for _, e := range s.phones {
		if t := e.phone.Transport(); t != flow.UDP {
			want[t.String()]++
		}
	}
	s.result.note(eventually(ctx, secureLimit, func(ctx context.Context) error {
		for transport, n := range want {
			got, err := s.sum(ctx, fmt.Sprintf("sipring_proxy_connections{state=%q,transport=%q}", "open", transport), "")
			if err != nil {
				return err
			}
			if got != n {
				return fmt.Errorf("the proxies have %v connections over %s, want %v", got, transport, n)
			}
		}
		return nil
	}))
	s.stage.step("connections at the proxies: %v", want)
}

// sum is what all proxies but one have in a metric.
func (s *secure) sum(ctx context.Context, series, without string) (sum float64, err error) {
	pods, err := s.proxies.pods(ctx)
	if err != nil {
		return 0, err
	}
	for i := range pods {
		if pods[i].Name == without {
			continue
		}
		raw, err := s.proxies.adminRaw(ctx, &pods[i], "/metrics")
		if err != nil {
			return 0, err
		}
		value, err := valueOf(string(raw), series)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", pods[i].Name, err)
		}
		sum += value
	}
	return sum, nil
}

func valueOf(metrics, series string) (float64, error) {
	for line := range strings.Lines(metrics) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", series)
}

// losses kills the proxy that a softphone is connected to, until each has lost its
// connection.
func (s *secure) losses(ctx context.Context) error {
	left := map[string]bool{}
	for _, e := range s.soft {
		left[e.user()] = true
	}
	for _, e := range s.soft {
		if !left[e.user()] {
			continue
		}
		homes, err := s.homes(ctx)
		if err != nil {
			return err
		}
		victim := homes[e.user()].pod
		var hit []softEnd
		for _, other := range s.soft {
			if homes[other.user()].pod == victim {
				hit = append(hit, other)
				delete(left, other.user())
			}
		}
		if err := s.loses(ctx, victim, hit, homes); err != nil {
			return err
		}
	}
	return nil
}

// loses kills a proxy. Whoever was connected to it is called at once, and calls.
func (s *secure) loses(ctx context.Context, victim string, hit []softEnd, homes map[string]home) error {
	f := fault{title: "SIGKILL of " + victim, victim: victim, replicas: 3, reborn: true}
	before, err := s.proxies.snapshot(ctx)
	if err != nil {
		return err
	}
	outcomes := map[string]float64{"delivered": 0, "expired": 0, "refused": 0, "cancelled": 0}
	was := maps.Clone(outcomes)
	for outcome := range outcomes {
		if was[outcome], err = s.sum(ctx, waitedSeries(outcome), victim); err != nil {
			return err
		}
	}
	var at time.Time
	if err := sigkill(ctx, s.env, victim, func(when time.Time) { at = when }); err != nil {
		return err
	}
	waited := s.reached(ctx, hit, at)
	s.measure(ctx, f, before, at, s.result)
	if err := s.recover(ctx, f, before); err != nil {
		return err
	}
	s.result.Whole = time.Since(at)
	for outcome := range outcomes {
		now, err := s.sum(ctx, waitedSeries(outcome), "")
		if err != nil {
			return err
		}
		outcomes[outcome] = now - was[outcome]
	}
	if outcomes["delivered"] < float64(waited) || outcomes["expired"]+outcomes["refused"]+outcomes["cancelled"] > 0 {
		s.result.Problems = append(s.result.Problems, fmt.Sprintf("%s: %d calls waited, and the proxies count %v", f.title, waited, outcomes))
	}
	s.connected(ctx)
	now, err := s.homes(ctx)
	if err != nil {
		return err
	}
	for _, e := range hit {
		if now[e.user()].at == homes[e.user()].at {
			s.result.Problems = append(s.result.Problems, e.user()+" has the connection that it had before its proxy died")
		}
	}
	s.result.Notes = append(s.result.Notes, fmt.Sprintf("%s: %d calls waited; the proxies count %v", f.title, waited, outcomes))
	return nil
}

func waitedSeries(outcome string) string {
	return fmt.Sprintf("sipring_proxy_waited_total{outcome=%q}", outcome)
}

// reached has each of those called at once, by a phone of its own, and call it back. It
// returns how many of the calls waited.
func (s *secure) reached(ctx context.Context, hit []softEnd, at time.Time) (waited int) {
	callers := []*phoneEnd{s.phones[0], s.phones[4], s.phones[5]} // UDP: they know of no loss
	var mu sync.Mutex
	var calling sync.WaitGroup
	for i, e := range hit {
		calling.Go(func() {
			err := s.converse(ctx, callers[i], e, true)
			took := time.Since(at)
			back := s.converse(ctx, e, callers[i], false)
			mu.Lock()
			defer mu.Unlock()
			s.result.Desk.Count(err)
			s.result.Desk.Count(back)
			how := "at once"
			if err == nil && callers[i].call.Queued {
				how = "after it had waited"
				waited++
			}
			s.stage.step("%s over %s lost its proxy: called %s, %v after the SIGKILL, hang-up included: %v; it called: %v",
				e.user(), e.transport(), how, took.Round(time.Millisecond), orWell(err), orWell(back))
		})
	}
	calling.Wait()
	return waited
}

func orWell(err error) string {
	if err != nil {
		return err.Error()
	}
	return "well"
}

// home is where a connection of a softphone ends, and where it begins.
type home struct {
	pod string
	at  netip.AddrPort
}

// homes are those of all softphones, by user: each has one connection.
func (s *secure) homes(ctx context.Context) (homes map[string]home, err error) {
	err = eventually(ctx, secureLimit, func(ctx context.Context) error {
		homes = map[string]home{}
		held, err := s.held(ctx)
		if err != nil {
			return err
		}
		out, err := s.party.command(ctx, "ss", "-Htnp", "state", "established").Output()
		if err != nil {
			return fmt.Errorf("ss: %w", err)
		}
		for _, e := range s.soft {
			own := ownConnection(string(out), s.party.proxy.Addr(), e.pid())
			if held[own] == "" {
				return fmt.Errorf("%s at %v: %w", e.user(), own, errNoConnection)
			}
			homes[e.user()] = home{held[own], own}
		}
		return nil
	})
	return homes, err
}

// ownConnection is where that of a process to an address begins, as ss tells.
func ownConnection(sockets string, to netip.Addr, pid int) netip.AddrPort {
	for line := range strings.Lines(sockets) {
		if own, far, ok := ends(line); ok && far.Addr() == to && strings.Contains(line, fmt.Sprintf("pid=%d,", pid)) {
			return own
		}
	}
	return netip.AddrPort{}
}

// ends are those of the connection that a line of ss is about.
func ends(line string) (own, far netip.AddrPort, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 {
		return own, far, false
	}
	plain := func(text string) netip.AddrPort {
		a, _ := netip.ParseAddrPort(text) // what is none is not looked for
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	}
	return plain(fields[2]), plain(fields[3]), true
}

// held are the far ends of the connections at the SIP ports of each pod.
func (s *secure) held(ctx context.Context) (map[netip.AddrPort]string, error) {
	pods, err := s.proxies.pods(ctx)
	if err != nil {
		return nil, err
	}
	held := map[netip.AddrPort]string{}
	for i := range pods {
		pid, err := s.kube.cluster.ContainerProcess(ctx, namespace, pods[i].Name, "proxy")
		if err != nil {
			return nil, err
		}
		out, err := s.kube.run(ctx, "nsenter", "--target", strconv.Itoa(pid), "--net", "ss", "-Htn", "state", "established")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			own, far, ok := ends(line)
			if ok && (own.Port() == securePorts[flow.TCP] || own.Port() == securePorts[flow.TLS]) {
				held[far] = pods[i].Name
			}
		}
	}
	return held, nil
}
