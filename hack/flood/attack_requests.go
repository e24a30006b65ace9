package main

import (
	"context"
	"fmt"
	"net/netip"
)

// invites makes a transaction and a lookup of each.
func invites(ctx context.Context, s *site) (outcome, error) {
	n, err := flood(ctx, s, 60_000, func(i int, via netip.AddrPort) []byte {
		return toUser("INVITE", via, fmt.Sprintf("nobody%d", i)).bytes()
	})
	return outcome{Note: sent(n, s, "INVITEs")}, err
}

// spread is less from each source, but from many of them.
func spread(ctx context.Context, s *site) (outcome, error) {
	const sources, perSource = 48, 600
	n, err := floodFrom(ctx, s, sources, sources*perSource, func(i int, via netip.AddrPort) []byte {
		user := fmt.Sprintf("spread%d", i)
		if i/sources%2 == 0 {
			return toUser("INVITE", via, user).bytes()
		}
		return register(via, user, fmt.Sprintf("sip:%s@%s", user, via)).bytes()
	})
	return outcome{Note: sent(n, s, fmt.Sprintf("INVITEs and REGISTERs from %d addresses", sources))}, err
}

// stray are ACKs and CANCELs that match nothing. Members may ask each other for
// what they match, as is right for a good one.
func stray(ctx context.Context, s *site) (outcome, error) {
	methods := []string{"ACK", "CANCEL"}
	n, err := flood(ctx, s, 20_000, func(i int, via netip.AddrPort) []byte {
		r := toUser(methods[i/flooders%2], via, fmt.Sprintf("nobody%d", i))
		r.to += ";tag=t"
		return r.bytes()
	})
	return outcome{Note: sent(n, s, "ACKs and CANCELs")}, err
}
