package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
)

// fatContacts fills the memory: each binding is kept for an hour, at two members.
func fatContacts(ctx context.Context, s *site) (outcome, error) {
	const perSecond, contacts, padding = 1250, 10, 3000
	pad := strings.Repeat("z", padding)
	n, err := flood(ctx, s, perSecond, func(i int, via netip.AddrPort) []byte {
		r := register(via, fmt.Sprintf("fat%d", i))
		for k := range contacts {
			r.more = append(r.more, fmt.Sprintf("Contact: <sip:c%d@%s;p=%s>", k, via, pad))
		}
		return r.bytes()
	})
	return outcome{Note: sent(n, s, "REGISTERs of 30 KB")}, err
}

// newUsers makes work and records, each small.
func newUsers(ctx context.Context, s *site) (outcome, error) {
	n, err := flood(ctx, s, 30_000, func(i int, via netip.AddrPort) []byte {
		user := fmt.Sprintf("new%d", i)
		return register(via, user, fmt.Sprintf("sip:%s@%s", user, via)).bytes()
	})
	return outcome{Note: sent(n, s, "REGISTERs")}, err
}
