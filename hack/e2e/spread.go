//go:build linux

package main

import (
	"math/rand/v2"
	"net/netip"
	"sync"
)

// spread has each request of phones go to one of several proxies by chance, to none
// that is known to be gone: as a load balancer does that knows nothing of dialogs. Safe
// for concurrent use.
type spread struct {
	mu   sync.Mutex
	own  map[string]netip.AddrPort // by pod
	gone string                    // a pod that nothing goes to
	here []netip.AddrPort          // the others
}

func newSpread(own map[string][]netip.AddrPort) *spread {
	s := &spread{own: map[string]netip.AddrPort{}}
	for pod, addresses := range own {
		s.own[pod] = addresses[0]
	}
	s.without("")
	return s
}

// without has nothing go to a pod any more; to all pods if it is none's name.
func (s *spread) without(gone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone, s.here = gone, nil
	for pod, address := range s.own {
		if pod != gone {
			s.here = append(s.here, address)
		}
	}
}

// moved: a pod has another address.
func (s *spread) moved(pod string, to netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own[pod] = to
}

func (s *spread) pick() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.here[rand.IntN(len(s.here))]
}
