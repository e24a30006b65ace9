package memberset

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	coordinationv1ac "k8s.io/client-go/applyconfigurations/coordination/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// fieldManager owns the fields that a proxy applies.
const fieldManager = "sipring-proxy"

// Timing of the writes.
const (
	minLeaseBackoff = 200 * time.Millisecond
	maxLeaseBackoff = 10 * time.Second
	// writeWait bounds one write.
	writeWait = 3 * time.Second
	// writeGap is between two writes: what changes meanwhile goes in one.
	writeGap = 200 * time.Millisecond
	// repeatAfter repeats a report that names somebody. The operator disregards
	// one that is older than the suspect's process, and a Lease that belonged to
	// an earlier pod of the name may be deleted after our write.
	repeatAfter = time.Minute
	// lateGap is between a write and the next one for the sake of what can wait: every
	// member has another epoch with each change of the set, and counts bindings that
	// come and go.
	lateGap = 5 * time.Second
)

// LeaseConfig names the Lease of one pod.
type LeaseConfig struct {
	// Namespace and Pod are the Lease's namespace and name too.
	Namespace, Pod string
	// PodUID, if known, makes the pod the Lease's owner: they go together.
	PodUID string
	// Cluster is the value of config.LabelCluster.
	Cluster string
	// Log; nil discards.
	Log *slog.Logger
}

// Lease reports what a pod suspects, whether it serves itself, which keys and which
// epoch it has in force, and its config.Report, in annotations of the Lease named like it. It is written at the
// start, which withdraws what an earlier process of the pod said, and on change,
// and repeated slowly while it names somebody.
type Lease struct {
	client kubernetes.Interface
	cfg    LeaseConfig
	log    *slog.Logger
	repeat time.Duration
	gap    time.Duration // lateGap

	mu       sync.Mutex
	wanted   report
	counters LeaseCounters
	changed  chan struct{} // capacity 1
}

// report is what a Lease says.
type report struct {
	suspects string
	ended    string // those of the suspects whose processes ended
	word     config.Word
	// keys and trust are names of keys; empty: none are in force.
	keys, trust string
	late        lateReport
}

// lateReport is the part that can wait.
type lateReport struct {
	epoch uint64 // 0: none is in force
	seed  ring.Seed
	again uint64 // counts how often it is to be said again
	saw   string // config.Report; empty: none yet
}

// urgent says that another part has changed than what can wait.
func (r report) urgent(written report) bool {
	r.late = written.late
	return r != written
}

// LeaseCounters of the writes since the start. The tags say how they are shown.
type LeaseCounters struct {
	Writes   uint64 `metric:"lease_writes_total{result=ok}" help:"Writes of this proxy's Lease, by which the operator hears of it."`
	Failures uint64 `metric:"lease_writes_total{result=failed}"`
}

// NewLease needs the account to create Leases and to patch the one of its name.
func NewLease(client kubernetes.Interface, cfg LeaseConfig) *Lease {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Lease{
		client: client, cfg: cfg, log: cfg.Log, repeat: repeatAfter, gap: lateGap, changed: make(chan struct{}, 1),
		wanted: report{word: config.NotYet},
	}
}

// Report sets the names that the pod suspects now, and those of them whose processes
// ended. It never blocks, may be called from any goroutine, and keeps nothing of names.
func (l *Lease) Report(names, ended []string) {
	suspects, over := config.JoinSuspects(names), config.JoinEnded(ended)
	l.set(func(r *report) { r.suspects, r.ended = suspects, over })
}

// Say sets the pod's word on itself; before that it is config.NotYet. It never
// blocks and may be called from any goroutine.
func (l *Lease) Say(w config.Word) { l.set(func(r *report) { r.word = w }) }

// Keys sets the names of the cluster's keys that the pod has in force, that of the
// one that signs first. It never blocks and may be called from any goroutine.
func (l *Lease) Keys(names []string) {
	text := config.JoinKeyNames(names)
	l.set(func(r *report) { r.keys = text })
}

// Trust sets the names of the keys whose member sets the pod believes. It never
// blocks and may be called from any goroutine.
func (l *Lease) Trust(names []string) {
	text := config.JoinKeyNames(names)
	l.set(func(r *report) { r.trust = text })
}

// Applied sets the epoch and the ring's seed of the member set that the pod has in
// force. It never blocks and may be called from any goroutine.
func (l *Lease) Applied(epoch uint64, seed ring.Seed) {
	l.set(func(r *report) { r.late.epoch, r.late.seed = epoch, seed })
}

// Saw sets what the pod reports of what it holds and saw. It is written some seconds
// later. It never blocks and may be called from any goroutine.
func (l *Lease) Saw(saw config.Report) {
	text := saw.String()
	l.set(func(r *report) { r.late.saw = text })
}

// Again says the epoch once more, for what was written may be lost: the API shows
// an older state than before. It never blocks and may be called from any goroutine.
func (l *Lease) Again() { l.set(func(r *report) { r.late.again++ }) }

func (l *Lease) set(change func(*report)) {
	l.mu.Lock()
	before := l.wanted
	change(&l.wanted)
	same := l.wanted == before
	l.mu.Unlock()
	if same {
		return
	}
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// Counters may be called at any time from any goroutine.
func (l *Lease) Counters() LeaseCounters {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counters
}

func (l *Lease) current() report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wanted
}

// Run writes until ctx ends. Call it once.
func (l *Lease) Run(ctx context.Context) {
	for ctx.Err() == nil {
		written, ok := l.insist(ctx)
		if !ok || !pause(ctx, writeGap) {
			return
		}
		l.waitForNews(ctx, written)
	}
}

// insist writes what is to be said, again and again until a write succeeds.
func (l *Lease) insist(ctx context.Context) (written report, ok bool) {
	failed := false
	err := backoff(minLeaseBackoff, maxLeaseBackoff).DelayFunc().Until(ctx, true, true, func(ctx context.Context) (bool, error) {
		written = l.current() // the newest at every try
		err := l.write(ctx, written)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		l.count(err)
		if err != nil && !failed {
			failed = true
			l.log.Warn("report not written; trying on", "lease", l.cfg.Pod, "error", err)
		}
		return err == nil, nil
	})
	return written, err == nil
}

func (l *Lease) count(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.counters.Failures++
		return
	}
	l.counters.Writes++
}

// waitForNews returns when what is to be said is no longer what was written, after a
// while where that can wait, or it is time to repeat it.
func (l *Lease) waitForNews(ctx context.Context, written report) {
	t := time.NewTimer(l.repeat/2 + rand.N(l.repeat))
	defer t.Stop()
	settled := time.NewTimer(l.gap/2 + rand.N(l.gap))
	defer settled.Stop()
	waiting := true
	for {
		if now := l.current(); now.urgent(written) || now != written && !waiting {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-l.changed:
		case <-settled.C:
			waiting = false
		case <-t.C:
			if written.suspects != "" {
				return
			}
		}
	}
}

// write is one request: a server-side apply creates the Lease or changes ours.
func (l *Lease) write(ctx context.Context, r report) error {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	lease := coordinationv1ac.Lease(l.cfg.Pod, l.cfg.Namespace).
		WithLabels(map[string]string{config.LabelCluster: l.cfg.Cluster}).
		WithAnnotations(r.annotations()).
		WithSpec(coordinationv1ac.LeaseSpec().WithHolderIdentity(l.cfg.Pod).WithRenewTime(metav1.NowMicro()))
	if l.cfg.PodUID != "" {
		lease.WithOwnerReferences(metav1ac.OwnerReference().
			WithAPIVersion("v1").WithKind("Pod").WithName(l.cfg.Pod).WithUID(types.UID(l.cfg.PodUID)))
	}
	_, err := l.client.CoordinationV1().Leases(l.cfg.Namespace).Apply(ctx, lease, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return fmt.Errorf("apply Lease %s/%s: %w", l.cfg.Namespace, l.cfg.Pod, err)
	}
	return nil
}

func (r report) annotations() map[string]string {
	a := map[string]string{config.AnnotationSuspects: r.suspects, config.AnnotationServing: string(r.word)}
	if r.ended != "" {
		a[config.AnnotationEnded] = r.ended
	}
	if r.keys != "" {
		a[config.AnnotationKeys] = r.keys
	}
	if r.trust != "" {
		a[config.AnnotationTrust] = r.trust
	}
	if r.late.epoch > 0 {
		a[config.AnnotationEpoch] = strconv.FormatUint(r.late.epoch, 10)
	}
	if !r.late.seed.IsZero() {
		a[config.AnnotationSeed] = r.late.seed.String()
	}
	if r.late.saw != "" {
		a[config.AnnotationReport] = r.late.saw
	}
	return a
}
