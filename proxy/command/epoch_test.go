package command

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/memberset"
	"github.com/sipring/sipring/proxy/ring"
)

// fallenBehind is a source that offers one older set more at each look.
type fallenBehind struct{ counts []uint64 }

func (*fallenBehind) Run(context.Context, func(*config.MemberSet)) {}
func (*fallenBehind) Again()                                       {}

func (f *fallenBehind) Counters() memberset.Counters {
	n := f.counts[0]
	f.counts = f.counts[1:]
	return memberset.Counters{Older: n}
}

type saidEpochs struct{ said []string }

func (s *saidEpochs) Applied(uint64, ring.Seed) { s.said = append(s.said, "applied") }
func (s *saidEpochs) Again()                    { s.said = append(s.said, "again") }

// TestEpochIsSaidAgain when a source offers an older set than the one in force,
// once for each.
func TestEpochIsSaidAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 4*epochInterval+1)
		defer cancel()
		s := &saidEpochs{}
		p := &proxy{source: &fallenBehind{counts: []uint64{0, 1, 1, 2}}}
		p.keepEpoch(ctx, s)
		if d := cmp.Diff([]string{"applied", "applied", "again", "applied", "applied", "again"}, s.said); d != "" {
			t.Errorf("said (-want +got):\n%s", d)
		}
	})
}
