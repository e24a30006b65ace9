package phones

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// pair is two phones that are each other's proxy: each is the other's
// neighbour, so both can be called without one.
func pair(t *testing.T, cfg Config) *Load {
	t.Helper()
	cfg.Domain = "example.com"
	if !cfg.Local.IsValid() {
		cfg.Local = netip.MustParseAddrPort("127.0.0.1:0")
	}
	l, err := NewLoad(2, cfg, New)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	l.Phones[0].SetProxy(l.Phones[1].local)
	l.Phones[1].SetProxy(l.Phones[0].local)
	return l
}

func TestCallAllCountsWhoAnswered(t *testing.T) {
	l := pair(t, Config{})
	var mu sync.Mutex
	var answered []int
	c := l.CallAll(t.Context(), Calling{Order: l.Everybody(), Patience: 5 * time.Second, Answered: func(i int, _ time.Time) {
		mu.Lock()
		defer mu.Unlock()
		answered = append(answered, i)
	}})
	if !c.Reached.Whole() || !c.Soon.Whole() || !c.Hungup.Whole() || c.Reached.Of != 2 || c.Hungup.Of != 2 {
		t.Errorf("reached %v, soon %v, hung up %v, want 2/2 each: %v", c.Reached, c.Soon, c.Hungup, c.Reached.Errors)
	}
	if slices.Sort(answered); !slices.Equal(answered, []int{0, 1}) {
		t.Errorf("told that %v answered, want 0 and 1", answered)
	}
	if a, h := l.answered(), l.hungup(); a != 2 || h != 2 {
		t.Errorf("the phones answered %d calls and saw %d hang-ups, want 2 and 2", a, h)
	}
}

func TestCallAllCountsWhoDidNotAnswer(t *testing.T) {
	l := pair(t, Config{})
	l.Phones[1].Close()
	c := l.CallAll(t.Context(), Calling{Order: l.Everybody(), Patience: time.Second})
	if c.Reached.OK != 0 || c.Reached.Of != 2 || len(c.Reached.Errors) != 2 || c.Soon.OK != 0 || c.Hungup.Of != 0 {
		t.Errorf("reached %v (%v), soon %v, hung up %v, want nobody", c.Reached, c.Reached.Errors, c.Soon, c.Hungup)
	}
	if !slices.ContainsFunc(c.Reached.Errors, func(e string) bool { return strings.Contains(e, "never reached the phone") }) {
		t.Errorf("no error says that the call never reached the phone: %v", c.Reached.Errors)
	}
}

// What was lost before the call began counts against its patience.
func TestPatienceIsCountedFromTheMomentGiven(t *testing.T) {
	l := pair(t, Config{})
	all := Calling{Order: l.Everybody(), Patience: 20 * time.Second, AtOnce: 2}
	all.From = time.Now().Add(-3 * time.Second)
	if c := l.CallAll(t.Context(), all); !c.Reached.Whole() || c.Soon.OK != 0 || c.Slowest < 3*time.Second {
		t.Errorf("3 s after the moment: reached %v, within 2 s %v, slowest %v, want 2/2, 0/2 and 3 s at least", c.Reached, c.Soon, c.Slowest)
	}
	all.From = time.Now().Add(-21 * time.Second)
	if c := l.CallAll(t.Context(), all); c.Reached.OK != 0 {
		t.Errorf("21 s after the moment, 20 s of patience: reached %v, want 0/2", c.Reached)
	}
}

func TestWhatIsAnsweredSoonIsCounted(t *testing.T) {
	c := Called{}
	c.note(time.Second, nil)
	c.note(3*time.Second, errors.New("no answer to the BYE"))
	if c.Soon.OK != 1 || c.Hungup.OK != 1 || c.Hungup.Of != 2 || c.Slowest != 3*time.Second {
		t.Errorf("soon %d, hung up %v, slowest %v, want 1, 1/2 and 3s", c.Soon.OK, c.Hungup, c.Slowest)
	}
}

func TestEachIsBoundedAndKeepsTheFirstErrors(t *testing.T) {
	var now, most atomic.Int64
	o := Each(t.Context(), 100, func(ctx context.Context, i int) error {
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > AnswerLimit {
			t.Error("it has no limit")
		}
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if i%2 == 0 {
			return fmt.Errorf("fault %d", i)
		}
		return nil
	})
	if o.OK != 50 || o.Of != 100 || len(o.Errors) != KeepErrors || o.Whole() || o.String() != "50/100" {
		t.Errorf("got %v, errors %v", o, o.Errors)
	}
	if most.Load() > atOnce {
		t.Errorf("%d at once, want %d at most", most.Load(), atOnce)
	}
}

func TestEachBeginsNothingOnceTheContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := Each(ctx, 3, func(context.Context, int) error { t.Error("begun"); return nil })
	if o.OK != 0 || o.Of != 3 || len(o.Errors) != 3 {
		t.Errorf("got %v, errors %v", o, o.Errors)
	}
}

func TestNewLoadFreesAllWhenOneCannotBeBound(t *testing.T) {
	var made []*Phone
	fault := errors.New("no more sockets")
	_, err := NewLoad(3, Config{Domain: "example.com", Local: netip.MustParseAddrPort("127.0.0.1:0")}, func(c Config) (*Phone, error) {
		if len(made) == 2 {
			return nil, fault
		}
		p, err := New(c)
		made = append(made, p)
		return p, err
	})
	if !errors.Is(err, fault) {
		t.Errorf("got %v, want %v", err, fault)
	}
	for i, p := range made {
		if p.User() != fmt.Sprintf("phone%03d", i) || !p.gone.Load() {
			t.Errorf("phone %d is %s, closed: %v", i, p.User(), p.gone.Load())
		}
	}
}

// Joining members are home of nothing yet, and every phone is listed once.
func TestHomedFirst(t *testing.T) {
	l := &Load{}
	for i := range 100 {
		l.Phones = append(l.Phones, &Phone{cfg: Config{User: fmt.Sprintf("phone%03d", i), Domain: "example.com"}})
	}
	set := &config.MemberSet{Ring: config.Ring{Partitions: 1024, Replicas: 2}, Members: []config.Member{
		{ID: 1, State: config.Active}, {ID: 2, State: config.Active}, {ID: 3, State: config.Joining},
	}}
	total := 0
	for id, some := range map[uint32]bool{1: true, 2: true, 3: false} {
		order, homed := l.HomedFirst(set, id)
		total += homed
		if (homed > 0) != some {
			t.Errorf("%d phones have their home at member %d", homed, id)
		}
		if slices.Sort(order); !slices.Equal(order, l.Everybody()) {
			t.Errorf("member %d: not every phone once: %v", id, order)
		}
	}
	if total != 100 {
		t.Errorf("%d phones have a home, want all 100", total)
	}
}

// answered is how many calls all phones answered, hungup how many BYEs they
// received for calls they were in.
func (l *Load) answered() (n int64) {
	for _, p := range l.Phones {
		n += p.Answered.Load()
	}
	return n
}

func (l *Load) hungup() (n int64) {
	for _, p := range l.Phones {
		n += p.Hungup.Load()
	}
	return n
}
