package phones

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// AnswerLimit is RFC 3261's Timer F (17.1.2.2): nobody waits longer for an
// answer.
const AnswerLimit = 32 * time.Second

// Soon is how fast a call must be answered to count as answered soon.
const Soon = 2 * time.Second

// Load is many phones that act together. Its methods may be called concurrently,
// Close last.
type Load struct {
	Phones []*Phone
}

// User is the name of the i-th phone of a Load: phone000 and so on.
func User(i int) string { return fmt.Sprintf("phone%03d", i) }

// NewLoad makes n phones of the configuration, each with its own User, with bind: New,
// or what calls it where the sockets belong.
func NewLoad(n int, cfg Config, bind func(Config) (*Phone, error)) (*Load, error) {
	l := &Load{}
	for i := range n {
		cfg.User = User(i)
		p, err := bind(cfg)
		if err != nil {
			l.Close()
			return nil, err
		}
		l.Phones = append(l.Phones, p)
	}
	return l, nil
}

// Close closes every phone.
func (l *Load) Close() {
	var wg sync.WaitGroup
	for _, p := range l.Phones {
		wg.Go(p.Close)
	}
	wg.Wait()
}

// Through makes every phone send from now on to the first of these addresses that
// is of its own family. One that has none of it sends where it sent, and so does one
// with a connection.
func (l *Load) Through(proxies ...netip.AddrPort) {
	for _, p := range l.Phones {
		if i := slices.IndexFunc(proxies, func(a netip.AddrPort) bool { return a.Addr().Is4() == p.Address().Addr().Is4() }); i >= 0 && p.line == nil {
			p.SetProxy(proxies[i])
		}
	}
}

// Register registers every phone once, for an hour.
func (l *Load) Register(ctx context.Context) Outcome {
	return Each(ctx, len(l.Phones), func(ctx context.Context, i int) error {
		return l.Phones[i].Register(ctx, 3600)
	})
}

// Challenged is how many challenges came for the phones.
func (l *Load) Challenged() (n int64) {
	for _, p := range l.Phones {
		n += p.Challenged()
	}
	return n
}

// Registered counts the phones whose binding the registrar lists.
func (l *Load) Registered(ctx context.Context) Outcome {
	return Each(ctx, len(l.Phones), func(ctx context.Context, i int) error {
		ok, err := l.Phones[i].Registered(ctx)
		if err == nil && !ok {
			return fmt.Errorf("%s is not registered any more", l.Phones[i].AOR())
		}
		return err
	})
}

// HomedFirst lists the indexes of all phones, those whose home in the
// published ring is that member first, and how many these are.
func (l *Load) HomedFirst(set *config.MemberSet, member uint32) (order []int, homed int) {
	t := set.Published()
	var others []int
	for i, p := range l.Phones {
		if home, ok := t.Home(ring.Partition(set.Ring.Seed.Hash([]byte(p.AOR())), t.Partitions())); ok && home == member {
			order = append(order, i)
		} else {
			others = append(others, i)
		}
	}
	return append(order, others...), len(order)
}

// Everybody lists the indexes of all phones.
func (l *Load) Everybody() []int {
	order := make([]int, len(l.Phones))
	for i := range order {
		order[i] = i
	}
	return order
}
