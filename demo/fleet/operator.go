package fleet

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// Operator plays the operator's part with the operator's own membership code:
// it asks each proxy's readiness and writes the member set to the file that in
// a pod is the mounted ConfigMap. Its exported fields do not change once it runs.
type Operator struct {
	Path      string // of the file
	Advertise string
	Ring      config.Ring
	Processes []*Process
	// ProbeTimeout is how long a proxy may take to say that it is ready.
	ProbeTimeout time.Duration
	// Write publishes a set that was decided on; nil writes the file at once.
	Write func(epoch uint64, content []byte) error
	// Changed is told of every decision that changed the set.
	Changed func(membership.Result)

	mu  sync.Mutex
	set *config.MemberSet
}

// PatientProbe is longer than a kubelet would wait: a proxy on a busy machine is
// slow and not dead, and one that is dead refuses at once.
const PatientProbe = 5 * time.Second

// lookInterval is how often readiness is asked. A kubelet asks once a second;
// these proxies are few and near.
const lookInterval = 100 * time.Millisecond

// Publish decides on the set and writes it when it changed.
func (o *Operator) Publish(ctx context.Context) error {
	in := membership.Input{Advertise: o.Advertise, Ring: o.Ring, Previous: o.Current(), Pods: o.probe(ctx)}
	in.Reports = o.ask(ctx, in.Pods)
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
	if err := o.write(r.Set.Epoch, b); err != nil {
		return err
	}
	o.mu.Lock()
	o.set = r.Set
	o.mu.Unlock()
	o.Changed(r)
	return nil
}

// probe asks all proxies at once.
func (o *Operator) probe(ctx context.Context) []membership.Pod {
	ctx, cancel := context.WithTimeout(ctx, o.ProbeTimeout)
	defer cancel()
	pods := make([]membership.Pod, len(o.Processes))
	var wg sync.WaitGroup
	for i, p := range o.Processes {
		wg.Go(func() {
			alive, _ := p.Running()
			pods[i] = membership.Pod{
				ID: p.ID, Name: p.Name, UID: p.Name, Address: p.Address.String(), Ready: p.Ready(ctx), Running: alive,
			}
		})
	}
	wg.Wait()
	return pods
}

// ask asks those that are ready whom they do not reach, if that may matter: in
// Kubernetes they report it by themselves.
func (o *Operator) ask(ctx context.Context, pods []membership.Pod) []membership.Report {
	if !slices.ContainsFunc(pods, func(p membership.Pod) bool { return p.Running && !p.Ready }) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.ProbeTimeout)
	defer cancel()
	reports := make([]membership.Report, len(pods))
	var wg sync.WaitGroup
	for i, p := range o.Processes {
		if !pods[i].Ready {
			continue
		}
		wg.Go(func() {
			s, err := p.Status(ctx)
			if err != nil {
				return
			}
			reports[i].Reporter = p.Name
			for _, m := range s.Members {
				if m.Liveness == "down" {
					reports[i].Suspects = append(reports[i].Suspects, m.Name)
				}
			}
		})
	}
	wg.Wait()
	return reports
}

func (o *Operator) write(epoch uint64, content []byte) error {
	if o.Write != nil {
		return o.Write(epoch, content)
	}
	return ReplaceFile(o.Path, content)
}

// Current is the set that was decided on last; nil before there is one.
func (o *Operator) Current() *config.MemberSet {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.set
}

// Run publishes until the context ends.
func (o *Operator) Run(ctx context.Context, failed func(error)) {
	t := time.NewTicker(lookInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			if err := o.Publish(ctx); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

// ReplaceFile swaps the content in one step: a reader sees the old or the new.
func ReplaceFile(path string, content []byte) error {
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
