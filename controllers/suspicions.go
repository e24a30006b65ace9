package controllers

import (
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sipring/sipring/controllers/membership"
)

// suspicions remembers which members others do not reach, so that the log has a line
// when one begins to be missed. Safe for concurrent use.
type suspicions struct {
	mu sync.Mutex
	of map[types.NamespacedName][]string // the suspects, sorted
}

// tell logs those that are missed and were not at the last look, each with the
// members that miss it.
func (s *suspicions) tell(ctx context.Context, cluster types.NamespacedName, in *membership.Input) {
	by := missed(in)
	now := make([]string, 0, len(by))
	for name := range by {
		now = append(now, name)
	}
	slices.Sort(now)
	before := s.swap(cluster, now)
	for _, name := range now {
		if !slices.Contains(before, name) {
			ctrl.LoggerFrom(ctx).Info("MemberSuspected", "step", "suspected", "member", name, "epoch", in.Previous.Epoch, "cause", "not reached by "+strings.Join(by[name], ","))
		}
	}
}

func (s *suspicions) swap(cluster types.NamespacedName, now []string) (before []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.of[cluster]
	if s.of == nil {
		s.of = map[types.NamespacedName][]string{}
	}
	s.of[cluster] = now
	return before
}

// missed are the members that others say they do not reach, and who says so: what
// members say of whoever is no member means nothing.
func missed(in *membership.Input) map[string][]string {
	by := map[string][]string{}
	if in.Previous == nil {
		return by
	}
	members := map[string]bool{}
	for _, m := range in.Previous.Members {
		members[m.Name] = true
	}
	for _, r := range in.Reports {
		for _, name := range r.Suspects {
			if members[r.Reporter] && members[name] && name != r.Reporter && !slices.Contains(by[name], r.Reporter) {
				by[name] = append(by[name], r.Reporter)
			}
		}
	}
	for _, reporters := range by {
		slices.Sort(reporters)
	}
	return by
}

// forget implements memory.
func (s *suspicions) forget(cluster types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.of, cluster)
}
