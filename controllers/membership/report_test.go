package membership

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// FuzzOneReport: whatever one proxy writes into its Lease, and under whatever name
// it could, nobody else leaves the ring or the traffic for it: others have to suspect the same.
func FuzzOneReport(f *testing.F) {
	f.Add("", "", "ring-0", uint8(0))
	f.Add("ring-1,ring-2", "no", "ring-0", uint8(0))
	f.Add(" ring-1 ,, ring-1,ring-1,ring-9,\x00", "yes", "ring-0", uint8(2))
	f.Add(strings.Repeat("ring-1,", 1000), "not-yet", "ring-0", uint8(1))
	f.Add("ring-1", "no", "ring-7", uint8(0))
	f.Fuzz(func(t *testing.T, suspects, word, reporter string, more uint8) {
		now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		in := Input{Ring: config.Ring{Partitions: 64, Replicas: 2}}
		in.Reports = []Report{{Reporter: reporter, At: now, Suspects: config.SplitSuspects(suspects), Serving: config.ParseWord(word)}}
		for i := range 3 + int(more)%10 {
			in.Pods = append(in.Pods, Pod{
				ID: uint32(i + 1), Name: fmt.Sprintf("ring-%d", i), UID: fmt.Sprint(i), Address: fmt.Sprintf("10.0.0.%d", i+1), Port: 5060,
				Ready: true, Running: true, Started: now.Add(-time.Hour),
			})
		}
		result := Next(in)
		if len(result.Evicted) > 0 {
			t.Fatalf("%q alone evicts %v", reporter, result.Evicted)
		}
		for i, m := range result.Set.Members {
			if m.Name != reporter && (m.State != config.Active || !result.Endpoints[i].Ready) {
				t.Fatalf("%q alone makes %s %s, in traffic %v", reporter, m.Name, m.State, result.Endpoints[i].Ready)
			}
		}
	})
}
