package demo

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// operator plays the operator's part with the operator's own membership code:
// it asks each proxy's readiness and writes the member set to the file that in
// a pod is the mounted ConfigMap.
type operator struct {
	path      string
	advertise string
	processes []*process
	changed   func(membership.Result)

	mu  sync.Mutex
	set *config.MemberSet
}

// ringShape is what a SIPCluster has by default.
var ringShape = config.Ring{Partitions: 16384, Replicas: 2}

// lookInterval is how often readiness is asked. A kubelet asks once a second;
// the demo's proxies are few and near.
const lookInterval = 100 * time.Millisecond

// publish decides on the set and writes it when it changed.
func (o *operator) publish(ctx context.Context) error {
	in := membership.Input{
		Advertise: o.advertise,
		Ring:      ringShape,
		Previous:  o.current(),
	}
	for _, p := range o.processes {
		alive, _ := p.running()
		in.Pods = append(in.Pods, membership.Pod{
			ID: p.id, Name: p.name, UID: p.name, Address: p.address.String(), Ready: p.ready(ctx), Running: alive,
		})
	}
	if err := ctx.Err(); err != nil {
		return err // nobody was asked: they are not unready
	}
	r := membership.Next(in)
	if !r.Changed {
		return nil
	}
	b, err := r.Set.Marshal()
	if err != nil {
		return err
	}
	if err := replaceFile(o.path, b); err != nil {
		return err
	}
	o.mu.Lock()
	o.set = r.Set
	o.mu.Unlock()
	o.changed(r)
	return nil
}

func (o *operator) current() *config.MemberSet {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.set
}

// run publishes until the context ends.
func (o *operator) run(ctx context.Context, failed func(error)) {
	t := time.NewTicker(lookInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := o.publish(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

// replaceFile swaps the content in one step: a reader sees the old or the new.
func replaceFile(path string, content []byte) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
