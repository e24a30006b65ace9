package credentials

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"
)

// TestEntriesTakeWhatIsSaid: the bound in bytes is one of memory.
func TestEntriesTakeWhatIsSaid(t *testing.T) {
	const users = 100_000
	m := NewMetrics()
	r := newRemote(sourceHTTP, newFake(), usual(), defaultBounds, slog.New(slog.DiscardHandler), m)
	defer func() { _ = r.Close() }()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range users {
		q := newQuestion(fmt.Appendf(nil, "user%06d\x00example.com", i), query("x"))
		r.cache.named(q.key).known.put(q.key, &entry{question: q})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	took, said := float64(after.HeapAlloc-before.HeapAlloc), value(m, "cache_bytes", "kind", "known")
	t.Logf("%.0f B/user, said to be %.0f", took/users, said/users)
	if took > 1.1*said || value(m, "cache_entries", "kind", "known") != users {
		t.Errorf("%d users take %.0f bytes, said to be %.0f", users, took, said)
	}
}
