//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/proxy/ring"
)

const (
	prometheusCase = "prometheus"
	failoverAlert  = "SipringFailover"
	// scraped is what a scrape may take that reads a failover: the operator counts
	// it, and its pod is asked, while all phones call.
	scraped = time.Second
)

// watched is a SIPCluster that a Prometheus follows.
type watched struct {
	proxies *proxies
	slices  *sliceLog
}

// observation is the case prometheus: two SIPClusters, as what is lost of one fires
// its alert for minutes, and each fault has to fire one.
type observation struct {
	*env
	prometheus *prometheus
	second     watched
	struck     time.Time     // of the fault that is played
	made       time.Duration // how long that took to make
	deskHomed  int           // 1 if the softphone was homed at its victim
	calm       time.Time     // since when nothing but faults was
	rehomed    int           // by these
	slowest    time.Duration // of the first
}

// observing is played before all other faults: what an alert looks back at is this
// case's alone.
func observing() sequence {
	return sequence{name: prometheusCase, title: "Prometheus", play: playPrometheus}
}

// playPrometheus has a Prometheus follow a rolling update, a proxy's end and a cut
// node, and asks it for what was seen of that by others.
func playPrometheus(ctx context.Context, e *env) (results []*result, err error) {
	if _, err := e.kube.kubectl(ctx, "--namespace", namespace, "apply", "-f", secondManifest); err != nil {
		return nil, err
	}
	began := time.Now()
	p, err := startPrometheus(ctx, e.kube)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	o := &observation{env: e, prometheus: p, second: watched{&proxies{kube: e.kube, name: "second"}, watchSlices(ctx, e.kube, "second")}}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error {
		return errors.Join(o.second.proxies.whole(ctx, 2, nil), o.seen(ctx, sipCluster, 3), o.seen(ctx, "second", 2))
	}); err != nil {
		return nil, err
	}
	e.stage.step("Prometheus scrapes the proxies of two SIPClusters and the operator every %v", p.interval)
	for _, play := range []func(context.Context) (*result, error){o.rolled, o.killed, o.cut} {
		r, err := play(ctx)
		if r != nil {
			results = append(results, r)
		}
		if err != nil {
			return results, err
		}
	}
	if err := o.panels(ctx, began); err != nil {
		return results, err
	}
	return results, o.second.proxies.removed(ctx, secondManifest)
}

// seen: Prometheus has scraped all proxies of the SIPCluster, and the operator that
// counts its failovers from the start.
func (o *observation) seen(ctx context.Context, name string, n float64) error {
	for text, want := range map[string]float64{
		"count(sipring_proxy_ready" + selector(name) + " == 1)":       n,
		"sum(sipring_operator_failovers_total" + selector(name) + ")": 0,
	} {
		got, err := o.prometheus.query(ctx, text)
		if err != nil {
			return err
		}
		if len(got) != 1 || got[0].value != want {
			return fmt.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	return nil
}

// selector of a SIPCluster's series.
func selector(name string) string { return fmt.Sprintf("{namespace=%q, cluster=%q}", namespace, name) }

// follow plays a fault, and says in struck when it was.
func (o *observation) follow(ctx context.Context, f fault) (*result, error) {
	do := f.do
	f.name, f.local, f.replicas = prometheusCase, true, 3
	f.do = func(ctx context.Context, e *env, victim string, struck func(time.Time)) error {
		set, err := e.proxies.set(ctx)
		if err != nil {
			return err
		}
		o.deskHomed = 0
		home, _ := set.Published().Home(ring.Partition(set.Ring.Seed.Hash([]byte("sip:"+desk+"@"+domain)), set.Ring.Partitions))
		if home == idOf(set, victim) {
			o.deskHomed = 1
		}
		return do(ctx, e, victim, func(at time.Time) { o.struck, o.made = at, time.Since(at); struck(at) })
	}
	return o.play(ctx, f)
}

// rolled: a rolling update fires nothing.
func (o *observation) rolled(ctx context.Context) (*result, error) {
	r, err := o.follow(ctx, fault{
		title: "rolling update, for Prometheus", patience: patience, rolled: true,
		// Another change than that of the case rollout.
		do: rollingUpdate(sipCluster),
	})
	if err != nil {
		return r, err
	}
	o.calm = time.Now()
	if err := o.prometheus.scraped(ctx); err != nil {
		return r, err
	}
	for _, name := range []string{sipCluster, "second"} {
		r.note(o.silent(ctx, name))
	}
	return r, nil
}

// killed: a proxy that is back in a second fires the alert of its own SIPCluster.
// It is one whose pod is another before it is killed again: the kubelet waits
// before it starts a container for the second time.
func (o *observation) killed(ctx context.Context) (*result, error) {
	before, err := o.counted(ctx)
	if err != nil {
		return nil, err
	}
	const victim = "voice-1"
	r, err := o.follow(ctx, fault{title: "SIGKILL, for Prometheus", victim: victim, patience: patience, reborn: true, do: sigkill})
	if err != nil {
		return r, err
	}
	if err := o.prometheus.scraped(ctx); err != nil {
		return r, err
	}
	r.note(o.fired(ctx, watched{o.proxies, o.slices}, victim))
	r.note(o.silent(ctx, "second"))
	seen, err := o.tally(ctx, before, victim, r)
	r.note(err)
	r.note(o.figures(ctx, 1, seen.slowest))
	r.note(o.unanswered(ctx))
	o.slowest = seen.slowest
	return r, nil
}

// unanswered is a call to nobody, for the dashboard's panel of such calls. All
// proxies are scraped when it is made, so that it is seen to be counted.
func (o *observation) unanswered(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	call, err := o.party.load.Phones[0].Dial(ctx, "nobody")
	if err != nil {
		return nil // as it has to be
	}
	return errors.Join(errors.New("a call to nobody was answered"), call.Bye(ctx))
}

// cut: so does a proxy that is on a node that is cut off.
func (o *observation) cut(ctx context.Context) (*result, error) {
	before, err := o.counted(ctx)
	if err != nil {
		return nil, err
	}
	lost, err := o.second.proxies.podByLeader(ctx, false)
	if err != nil {
		return nil, err
	}
	node, err := o.second.proxies.nodeOf(ctx, lost)
	if err != nil {
		return nil, err
	}
	pods, err := o.proxies.pods(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return p.Spec.NodeName == node })
	if i < 0 {
		return nil, fmt.Errorf("SIPCluster %s has no proxy on %s", sipCluster, node)
	}
	f := cutOff("", "node cut off, for Prometheus", false)
	f.pick, f.victim = nil, pods[i].Name
	r, err := o.follow(ctx, f)
	if err != nil {
		return r, err
	}
	if err := o.prometheus.scraped(ctx); err != nil {
		return r, err
	}
	r.note(o.fired(ctx, o.second, lost))
	seen, err := o.tally(ctx, before, f.victim, r)
	r.note(err)
	r.note(o.figures(ctx, 2, max(o.slowest, seen.slowest)))
	return r, nil
}
