//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/demo/phones"
)

// sidecarEvent is one thing that happens to applications or proxies.
type sidecarEvent struct {
	title string
	play  func(ctx context.Context, s *sidecar) error
}

func sidecarEvents() []sidecarEvent {
	return []sidecarEvent{
		{"1,000 addresses-of-record", spreadOut},
		{"application killed", applicationKilled},
		{"application hangs", applicationHangs},
		{"proxy killed, the application lives", proxyKilled},
		{"ring grows during conferences", conferencesStay},
		{"pod deleted", podDeleted},
		{"rolling update", applicationsRolled},
		{"application's image is bad", badApplication},
		{"node cut off", applicationCut},
	}
}

// Largest share of an even one that an application may have, in percent.
const largestShare = 130

// spreadOut: the calls of many users are spread as the ring says.
func spreadOut(ctx context.Context, s *sidecar) error {
	const users = 1000
	var mu sync.Mutex
	at := map[string]int{}
	o := phones.Each(ctx, users, func(ctx context.Context, i int) error {
		c, err := s.dial(ctx, i, conference(i), 4*sidecarPatience) // all at once
		if err != nil {
			return err
		}
		mu.Lock()
		at[c.Application]++
		mu.Unlock()
		return c.hangUp(ctx)
	})
	s.stage.step("%v of %d users called and hung up: %v", o, users, at)
	if !o.Whole() {
		return fmt.Errorf("%v calls: %v", o, o.Errors)
	}
	if most := slices.Max(slices.Collect(maps.Values(at))); len(at) != 3 || most*3*100 > users*largestShare {
		return fmt.Errorf("spread over applications: %v", at)
	}
	return nil
}

// before is what must not change with an application.
type before struct {
	epoch uint64
	snap  *snapshot
}

func (s *sidecar) before(ctx context.Context) (b before, err error) {
	set, err := s.proxies.set(ctx)
	if err != nil {
		return b, err
	}
	b.epoch = set.Epoch
	b.snap, err = s.proxies.snapshot(ctx)
	return b, err
}

// unmoved returns nil if neither ring nor proxies have.
func (s *sidecar) unmoved(ctx context.Context, b before) error {
	set, err := s.proxies.set(ctx)
	if err != nil {
		return err
	}
	if set.Epoch != b.epoch {
		return fmt.Errorf("the epoch is %d, was %d", set.Epoch, b.epoch)
	}
	return s.proxies.same(ctx, b.snap)
}

// upAt are calls at one application, and which users it has.
func (s *sidecar) upAt(ctx context.Context, application string, most int) (up []place, own []string, err error) {
	at, err := s.homes(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, user := range slices.Sorted(maps.Keys(at)) {
		if at[user] != application {
			continue
		}
		own = append(own, user)
		if len(up) >= most {
			continue
		}
		c, err := s.dial(ctx, len(up), user, sidecarPatience)
		if err != nil {
			return up, own, err
		}
		up = append(up, c)
	}
	if len(own) == 0 {
		err = fmt.Errorf("no conference is at %s: %v", application, at)
	}
	return up, own, err
}

// elsewhere calls each user once, all at once, and returns how long it took from a
// moment until the last was answered by another application than one.
func (s *sidecar) elsewhere(ctx context.Context, users []string, not string, at time.Time, limit time.Duration) (time.Duration, error) {
	o := phones.Each(ctx, len(users), func(ctx context.Context, i int) error {
		c, err := s.dial(ctx, i, users[i], limit)
		if err != nil {
			return err
		}
		if c.Application == not {
			err = fmt.Errorf("%s is answered by %s", users[i], not)
		}
		return errors.Join(err, c.hangUp(ctx))
	})
	took := time.Since(at)
	if !o.Whole() {
		return took, fmt.Errorf("%v of its users called elsewhere: %v", o, o.Errors)
	}
	if took > limit {
		return took, fmt.Errorf("its users were answered elsewhere after %v, want %v", took, limit)
	}
	return took, nil
}

func applicationKilled(ctx context.Context, s *sidecar) error {
	const victim = "apps-0"
	up, own, err := s.upAt(ctx, victim, 5)
	if err != nil {
		return err
	}
	b, err := s.before(ctx)
	if err != nil {
		return err
	}
	killed, err := s.kube.cluster.KillContainerProcess(ctx, namespace, victim, echoContainer, unix.SIGKILL)
	if err != nil {
		return err
	}
	took, err := s.elsewhere(ctx, own, victim, killed.At, sidecarPatience)
	s.stage.step("%s killed: its %d users answered elsewhere in %v", victim, len(own), took.Round(time.Millisecond))
	for _, c := range up {
		err = errors.Join(err, c.ends(ctx))
	}
	return errors.Join(err, s.unmoved(ctx, b))
}

func applicationHangs(ctx context.Context, s *sidecar) error {
	const victim, failures, period = "apps-1", 3, 500 * time.Millisecond
	_, own, err := s.upAt(ctx, victim, 0)
	if err != nil {
		return err
	}
	b, err := s.before(ctx)
	if err != nil {
		return err
	}
	stopped, err := s.kube.cluster.KillContainerProcess(ctx, namespace, victim, echoContainer, unix.SIGSTOP)
	if err != nil {
		return err
	}
	defer func() {
		_, went := s.kube.cluster.KillContainerProcess(context.WithoutCancel(ctx), namespace, victim, echoContainer, unix.SIGCONT)
		err = errors.Join(err, went)
	}()
	took, err := s.elsewhere(ctx, own, victim, stopped.At, failures*period+time.Second)
	s.stage.step("%s hangs: its %d users answered elsewhere in %v", victim, len(own), took.Round(time.Millisecond))
	return errors.Join(err, s.unmoved(ctx, b))
}

// restarts returns nil if a pod's application was started again so often.
func (s *sidecar) restarts(ctx context.Context, pod string, want int32) error {
	pods, err := s.proxies.pods(ctx)
	if err != nil {
		return err
	}
	for i := range pods {
		for _, c := range pods[i].Status.ContainerStatuses {
			if pods[i].Name == pod && c.Name == echoContainer && c.RestartCount != want {
				return fmt.Errorf("the application of %s was started again %d times, want %d", pod, c.RestartCount, want)
			}
		}
	}
	return nil
}
