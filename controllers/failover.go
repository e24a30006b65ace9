package controllers

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
)

// setSummary says in the status what the members report together.
func setSummary(s *v1alpha1.SIPClusterStatus, seen *observation, d *membership.Result, now metav1.Time) {
	in := seen.input()
	summary := membership.Summarize(&in, d.Set, now.Time)
	s.UnderReplicatedBindings = summary.UnderReplicated
	s.LastFailover = lastFailover(s.LastFailover, summary.Failover)
}

// lastFailover is the newer one. Those who saw the one before may have restarted since,
// so it stays, and of one failover the greater numbers: each reports its own part.
func lastFailover(before *v1alpha1.FailoverStatus, now *membership.Failover) *v1alpha1.FailoverStatus {
	if now == nil {
		return before
	}
	next := &v1alpha1.FailoverStatus{
		Time: metav1.NewTime(now.At.UTC().Truncate(time.Second)), Member: now.Member, Cause: string(now.Cause),
		RehomedBindings: now.Rehomed, Milliseconds: now.Milliseconds,
	}
	switch {
	case before == nil:
	case now.Is(before.Member, before.Time.Time):
		next.Time = before.Time
		next.RehomedBindings = max(next.RehomedBindings, before.RehomedBindings)
		next.Milliseconds = max(next.Milliseconds, before.Milliseconds)
	case next.Time.Before(&before.Time):
		return before
	}
	return next
}
