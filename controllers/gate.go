package controllers

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// bounds of a gate.
type bounds struct {
	workers int           // of the controller
	patient time.Duration // with each request of a cluster that gave no trouble
	// inNamespace is how many passes may be under way in one namespace, and of
	// those slowInNamespace of clusters whose requests were not answered in time;
	// slow how many of those everywhere. Each of them also has a seat at the API
	// server, of which all of the operator's requests have a share.
	inNamespace, slowInNamespace, slow int
}

// gate keeps the workers of one controller from being taken up by clusters whose
// requests are not answered, as where an admission webhook hangs: they have few of
// them, and the rest of their namespace not all. It is safe for concurrent use.
type gate struct {
	bounds
	mu         sync.Mutex
	namespaces map[string]underWay
	slowNow    int
	late       map[types.NamespacedName]int // passes in a row that were
}

type underWay struct{ all, slow int }

func newGate(b bounds) *gate {
	return &gate{bounds: b, namespaces: map[string]underWay{}, late: map[types.NamespacedName]int{}}
}

const (
	// comeAgain is when a pass begins for which there was no room.
	comeAgain = 20 * time.Millisecond
	// slowAgain is when one of a slow cluster does, and tries again after it was
	// late, then after twice as long, up to slowest.
	slowAgain = time.Second
	slowest   = 30 * time.Second
)

// enter lets a pass begin, which then has to call leave with slow, or says after how
// long to ask again.
func (g *gate) enter(key types.NamespacedName) (patience, again time.Duration, slow bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	in, slow := g.namespaces[key.Namespace], g.late[key] > 0
	switch {
	case slow && (in.slow >= g.slowInNamespace || g.slowNow >= g.slow):
		return 0, slowAgain/2 + rand.N(slowAgain), slow
	case in.all >= g.inNamespace:
		return 0, comeAgain/2 + rand.N(comeAgain), slow
	}
	in.all++
	patience = g.patient
	if slow {
		in.slow++
		g.slowNow++
		patience = longPatience
	}
	g.namespaces[key.Namespace] = in
	return patience, 0, slow
}

// leave ends the pass. It says after how long to try again, where the pass was late.
func (g *gate) leave(key types.NamespacedName, slow, late bool) (again time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	in := g.namespaces[key.Namespace]
	in.all--
	if slow {
		in.slow--
		g.slowNow--
	}
	g.namespaces[key.Namespace] = in
	if in.all == 0 {
		delete(g.namespaces, key.Namespace)
	}
	if !late {
		delete(g.late, key)
		return 0
	}
	g.late[key]++
	return min(slowAgain<<min(g.late[key]-1, 10), slowest)
}

// through makes a controller's reconcile of passes.
func (g *gate) through(do reconcile.Func) reconcile.Func {
	return func(ctx context.Context, req ctrl.Request) (result ctrl.Result, err error) {
		patience, again, slow := g.enter(req.NamespacedName)
		if again > 0 {
			return ctrl.Result{RequeueAfter: again}, nil
		}
		defer func() { result, err = g.end(ctx, req.NamespacedName, slow, result, err) }()
		return do(withPatience(ctx, patience), req)
	}
}

// end is what the controller is told of a pass: an error or when to come again, for
// beside an error that would be ignored. One that was late is tried again without an
// error: it makes the cluster slow, and is told once. So is one in a namespace that
// ends, which the status says.
func (g *gate) end(ctx context.Context, key types.NamespacedName, slow bool, result ctrl.Result, err error) (ctrl.Result, error) {
	again := g.leave(key, slow, isLate(err))
	switch {
	case again > 0:
		if !slow {
			ctrl.LoggerFrom(ctx).Info("The cluster gets few workers for now", "error", err.Error())
		}
		return ctrl.Result{RequeueAfter: again}, nil
	case isEnding(err):
		return ctrl.Result{RequeueAfter: endingAgain}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	return result, nil
}
