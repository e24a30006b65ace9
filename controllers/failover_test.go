package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// TestLastFailover: the newer one, and of one failover what is known of it at most.
func TestLastFailover(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.UTC)
	status := func(member string, after time.Duration, rehomed, ms int64) *v1alpha1.FailoverStatus {
		return &v1alpha1.FailoverStatus{
			Time: metav1.NewTime(began.Truncate(time.Second).Add(after)), Member: member, Cause: string(config.LossUnreachable), RehomedBindings: rehomed, Milliseconds: ms,
		}
	}
	agreed := func(member string, after time.Duration, rehomed, ms int64) *membership.Failover {
		return &membership.Failover{Member: member, At: began.Add(after), Cause: config.LossUnreachable, Rehomed: rehomed, Milliseconds: ms}
	}
	for name, tt := range map[string]struct {
		before *v1alpha1.FailoverStatus
		now    *membership.Failover
		want   *v1alpha1.FailoverStatus
	}{
		"none":                            {nil, nil, nil},
		"the first":                       {nil, agreed("ring-1", 0, 96, 21), status("ring-1", 0, 96, 21)},
		"nobody remembers it":             {status("ring-1", 0, 96, 21), nil, status("ring-1", 0, 96, 21)},
		"the same":                        {status("ring-1", 0, 96, 21), agreed("ring-1", 0, 96, 21), status("ring-1", 0, 96, 21)},
		"more of them report it":          {status("ring-1", 0, 46, 21), agreed("ring-1", -time.Second, 96, 20), status("ring-1", 0, 96, 21)},
		"fewer of them are left":          {status("ring-1", 0, 96, 21), agreed("ring-1", time.Second, 46, 22), status("ring-1", 0, 96, 22)},
		"another member":                  {status("ring-1", 0, 96, 21), agreed("ring-2", time.Minute, 50, 6), status("ring-2", time.Minute, 50, 6)},
		"another member at the same time": {status("ring-1", 0, 96, 21), agreed("ring-2", 0, 50, 6), status("ring-2", 0, 50, 6)},
		"the same member once more":       {status("ring-1", 0, 96, 21), agreed("ring-1", time.Minute, 50, 6), status("ring-1", time.Minute, 50, 6)},
		"an older one":                    {status("ring-1", 0, 96, 21), agreed("ring-2", -time.Minute, 50, 6), status("ring-1", 0, 96, 21)},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, lastFailover(tt.before, tt.now)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
