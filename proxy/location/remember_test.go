package location

import "testing"

// A removal is remembered for as long as requests that were sent before it may arrive, though what it removed was about
// to end.
func TestRemovalOrdersWhatIsLate(t *testing.T) {
	s := NewStore(1)
	apply := func(at int64, cseq, expires uint32) int {
		now := start + at
		s.Purge(now, 0)
		u := register("a", cseq, contact("sip:a@1", expires))
		return s.Apply(now, 0, 1, &u, Limits{}, uint64(now), 1).Status
	}
	apply(0, 1, 60)
	apply(59_000, 3, 0)
	if got := apply(59_000+OrderFor-1000, 2, 60); got != StatusServerError {
		t.Errorf("a REGISTER that was sent before the removal is answered %d", got)
	}
}
