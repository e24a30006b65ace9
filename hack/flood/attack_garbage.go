package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
)

// garbage is what the parser has to refuse: random bytes, a request with some
// bytes changed or cut short, keep-alives, a datagram as large as there can be.
func garbage(ctx context.Context, s *site) (outcome, error) {
	rng := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 60_000)
	n, err := flood(ctx, s, 30_000, func(i int, via netip.AddrPort) []byte {
		b := toUser("INVITE", via, "nobody").bytes()
		switch i % 8 {
		case 0:
			return []byte("\r\n\r\n")
		case 1:
			b = buf[:rng.IntN(1200)]
			for k := range b {
				b[k] = byte(rng.Uint32())
			}
			return b
		case 2:
			return b[:rng.IntN(len(b))]
		case 3:
			if i%800 == 3 {
				return append(fmt.Appendf(buf[:0], "INVITE %s SIP/2.0\r\nVia: ", aor("a")), buf[1000:]...)
			}
		}
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		return b
	})
	return outcome{Note: sent(n, s, "datagrams")}, err
}
