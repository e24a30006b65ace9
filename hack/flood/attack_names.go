package main

import (
	"context"
	"fmt"
	"net/netip"
)

// silentNames registers contacts with names and calls them: where no DNS server
// answers for them each takes seconds.
func silentNames(ctx context.Context, s *site) (outcome, error) {
	const users, each = 400, 10
	n, err := flood(ctx, s, 500, func(i int, via netip.AddrPort) []byte {
		user := fmt.Sprintf("named%d", i/2%users)
		if i%2 == 1 {
			return toUser("MESSAGE", via, user).bytes()
		}
		r := register(via, user)
		for k := range each {
			r.more = append(r.more, fmt.Sprintf("Contact: <sip:x@n%d.d%d.flood.invalid>", k, i))
		}
		return r.bytes()
	})
	return outcome{Note: sent(n, s, "REGISTERs with ten names and MESSAGEs to them")}, err
}
