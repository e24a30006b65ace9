//go:build linux

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sipring/sipring/proxy/peer"
)

// note keeps what is wrong.
func (r *result) note(err error) {
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
	}
}

// silent: the SIPCluster has had no failover's alert since the fault.
func (o *observation) silent(ctx context.Context, name string) error {
	since := time.Since(o.struck).Milliseconds()
	got, err := o.prometheus.query(ctx, fmt.Sprintf("max_over_time(ALERTS{alertname=%q, namespace=%q, cluster=%q}[%dms])", failoverAlert, namespace, name, since))
	if err == nil && len(got) > 0 {
		err = fmt.Errorf("%s of SIPCluster %s fired: %v", failoverAlert, name, got)
	}
	return err
}

// fired: the alert of the SIPCluster that lost the victim fires, for the first time,
// and has from two scrapes after the operator told of the loss.
func (o *observation) fired(ctx context.Context, w watched, victim string) error {
	firing, err := o.prometheus.firing(ctx, w.proxies.name)
	if err != nil {
		return err
	}
	noticed, ok := w.slices.lostAfter(victim, o.struck)
	if !ok {
		return fmt.Errorf("%s did not leave the EndpointSlice", victim)
	}
	a, ok := firing[failoverAlert]
	if !ok {
		return fmt.Errorf("%s does not fire for SIPCluster %s; %v do", failoverAlert, w.proxies.name, slices.Sorted(maps.Keys(firing)))
	}
	after := a.ActiveAt.Sub(o.struck)
	o.stage.step("%s fired for SIPCluster %s %v after the fault, which the EndpointSlice showed after %s ms; firing: %v",
		failoverAlert, w.proxies.name, after.Round(time.Millisecond), ms(noticed), slices.Sorted(maps.Keys(firing)))
	if after < 0 || after > noticed+2*o.prometheus.interval+scraped {
		return fmt.Errorf("%s of SIPCluster %s fired %v after the fault, want within two scrapes of %v from %v on",
			failoverAlert, w.proxies.name, after, o.prometheus.interval, noticed)
	}
	return nil
}

// counts are what Prometheus has of a proxy's failovers.
type counts struct{ losses, seconds, rehomed float64 }

// counted are the counts of each proxy of the SIPCluster with the phones.
func (o *observation) counted(ctx context.Context) (map[string]counts, error) {
	all := map[string]counts{}
	for metric, into := range map[string]func(*counts) *float64{
		"sipring_proxy_peer_loss_to_ring_seconds_count": func(c *counts) *float64 { return &c.losses },
		"sipring_proxy_peer_loss_to_ring_seconds_sum":   func(c *counts) *float64 { return &c.seconds },
		"sipring_proxy_rehomed_bindings_total":          func(c *counts) *float64 { return &c.rehomed },
	} {
		found, err := o.prometheus.by(ctx, "pod", metric+selector(sipCluster))
		if err != nil {
			return nil, err
		}
		for pod, v := range found {
			c := all[pod]
			*into(&c) = v
			all[pod] = c
		}
	}
	return all, nil
}

// clocks is how far a duration by the wall clock may be from one by the monotonic
// one, and two moments from each other that are one for people.
const clocks = 20 * time.Millisecond

// lastWord is how long before it is cut off a member may have been heard last: its
// pings come every 150 ms, and one may be late.
const lastWord = 300 * time.Millisecond

// tallied is what was seen of a loss: the bindings that it moved, and how long the
// slowest survivor took to its ring.
type tallied struct {
	rehomed int
	slowest time.Duration
}

// tally compares what Prometheus counted of a loss with what the survivors tell of
// it, one by one, and with what this program knows of it.
func (o *observation) tally(ctx context.Context, before map[string]counts, victim string, r *result) (seen tallied, err error) {
	now, err := o.counted(ctx)
	if err != nil {
		return seen, err
	}
	set, err := o.proxies.set(ctx)
	if err != nil {
		return seen, err
	}
	pods, err := o.proxies.pods(ctx)
	if err != nil {
		return seen, err
	}
	for i := range pods {
		name := pods[i].Name
		if name == victim {
			continue
		}
		var events []peer.Event
		if err := o.proxies.admin(ctx, &pods[i], "/v1/events", &events); err != nil {
			return seen, err
		}
		counted := counts{now[name].losses - before[name].losses, now[name].seconds - before[name].seconds, now[name].rehomed - before[name].rehomed}
		told := account(events, victim, idOf(set, victim), o.struck)
		if err := told.agrees(counted); err != nil {
			return seen, fmt.Errorf("%s: %w", name, err)
		}
		seen.rehomed += told.rehomed
		seen.slowest = max(seen.slowest, seconds(counted.seconds))
	}
	o.stage.step("Prometheus has %d bindings re-homed, loss to ring %v; this test has %d phones homed at %s, ring after %v",
		seen.rehomed, seen.slowest.Round(time.Millisecond), r.Homed, victim, r.Ring.Round(time.Millisecond))
	// Both begin with the fault, which took a moment to make: what it has with the last
	// word of the member, at the latest when that was made.
	o.rehomed += seen.rehomed
	if late := r.Ring - seen.slowest; late < -lastWord-clocks || late > o.made+dying+clocks {
		return seen, fmt.Errorf("loss to ring is %v, and the ring came %v after the fault, which took %v to make", seen.slowest, r.Ring, o.made)
	}
	if want := r.Homed + o.deskHomed; seen.rehomed != want {
		return seen, fmt.Errorf("%d bindings were re-homed, %d phones were homed at %s", seen.rehomed, want, victim)
	}
	return seen, o.noneElse(ctx, victim)
}

// noneElse: a victim that lives counts nothing of its own, though it saw all others lost.
func (o *observation) noneElse(ctx context.Context, victim string) error {
	return eventually(ctx, o.prometheus.interval+settleLimit, func(ctx context.Context) error {
		open, err := o.prometheus.by(ctx, "pod", "sipring_proxy_unconfirmed_losses"+selector(sipCluster))
		if err != nil {
			return err
		}
		if n, ok := open[victim]; !ok || n != 0 {
			return fmt.Errorf("%s does not know of %v losses whether they are any", victim, n)
		}
		return nil
	})
}

// dying is what the kernel may take to end a process and its connections, on a machine
// that has more to do.
const dying = 250 * time.Millisecond

// accounted is what a survivor's events tell of a loss: how long after the fault the
// member was last heard, was down, and the ring without it.
type accounted struct {
	heard, down, ring time.Duration
	rehomed           int
}

func account(events []peer.Event, victim string, id uint32, at time.Time) (a accounted) {
	a.down = -1
	for _, e := range events {
		when := time.Unix(0, e.UnixNano).Sub(at)
		switch {
		case when < 0:
		case e.Kind == peer.EventPeerLost && e.Member == id && a.down < 0:
			a.down, a.heard = when, time.Unix(0, e.LastHeard).Sub(at)
		case e.Kind == peer.EventRehomed:
			a.rehomed += e.Count
		}
	}
	a.ring, _ = ringWithout(events, victim, at)
	return a
}

// agrees is nil if the counts are those of one loss, its ring as long after the
// member's last word as the events say.
func (a accounted) agrees(c counts) error {
	took := seconds(c.seconds)
	switch {
	case c.losses != 1:
		return fmt.Errorf("%v losses are counted", c.losses)
	case a.down < 0 || a.ring < a.down:
		return fmt.Errorf("events tell of the member's end after %v and of the ring after %v", a.down, a.ring)
	case (took - (a.ring - a.heard)).Abs() > clocks:
		return fmt.Errorf("loss to ring is %v, by events it is %v", took, a.ring-a.heard)
	case c.rehomed != float64(a.rehomed):
		return fmt.Errorf("%v bindings re-homed, by events %d", c.rehomed, a.rehomed)
	}
	return nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
