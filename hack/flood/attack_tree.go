package main

import (
	"context"
	"fmt"
	"time"
)

// The tree: its root has a contact for each of the first users, each of those one
// for each of its own of the next level, and from there every user leads to one of
// the next level, at another proxy, until the last ones lead to the victim.
const (
	treeFirst  = 10
	treeWidth  = 60
	treeLevels = 12
	treeRate   = 5 // INVITEs a second
)

// treeMost is how many datagrams an INVITE may have the victim sent: one and its
// repetitions to each of ten contacts, and as much again.
const treeMost = 100

// tree has INVITEs fork into themselves: through members' addresses, and through
// nothing but the domain. The victim is at the attacker's own address, as a proxy
// may send nowhere else.
func tree(ctx context.Context, s *site) (outcome, error) {
	victim, err := newCounter(s.host(attackerHost))
	if err != nil {
		return outcome{}, err
	}
	defer victim.conn.Close()
	u, err := newUA(s.host(attackerHost))
	if err != nil {
		return outcome{}, err
	}
	defer u.conn.Close()
	users := 0
	for _, kind := range []string{byMember, byDomain} {
		plantTree(func(user string, contacts ...string) {
			users++
			r := register(u.at, user, contacts...)
			r.to = "<" + s.treeURI(kind+user) + ">"
			if u.final(ctx, r, s.proxy(users), time.Second) != 200 {
				users--
			}
		}, func(user string, i int) string {
			if kind == byDomain {
				return s.treeURI(kind + user)
			}
			return fmt.Sprintf("%s;maddr=%s", s.treeURI(kind+user), s.Proxies[i%len(s.Proxies)])
		}, fmt.Sprintf("sip:v@%s", victim.at))
	}
	n := pace(ctx, treeRate, func(i int) {
		root := s.treeURI([]string{byMember, byDomain}[i%2] + "root")
		r := toUser("INVITE", u.at, "")
		r.uri, r.to = root, "<"+root+">"
		_, _ = u.conn.WriteToUDPAddrPort(r.bytes(), s.proxy(i/2))
	})
	datagrams, size := victim.total()
	out := outcome{Note: fmt.Sprintf("%d users registered; %d INVITEs had the victim sent %d datagrams of %d KB", users, n, datagrams, size>>10)}
	if n > 0 && datagrams > treeMost*n {
		out.fault("an INVITE made %d datagrams to the victim", datagrams/n)
	}
	return out, nil
}

// Prefixes of the users of either tree.
const (
	byMember = "m-"
	byDomain = "d-"
)

// treeURI is the address-of-record of a user, with the port at which a maddr of a
// proxy finds it.
func (s *site) treeURI(user string) string {
	if s.SIP == sipPort {
		return aor(user)
	}
	return fmt.Sprintf("%s:%d", aor(user), s.SIP)
}

// sipPort is where a URI without a port leads (RFC 3261 19.1.2).
const sipPort = 5060

// plantTree registers the users of the tree.
func plantTree(leads func(user string, contacts ...string), member func(user string, i int) string, victim string) {
	each := treeWidth / treeFirst
	var first []string
	for i := range treeFirst {
		user := fmt.Sprintf("first%d", i)
		first = append(first, member(user, i))
		var next []string
		for j := range each {
			next = append(next, member(fmt.Sprintf("level0-%d", i*each+j), i+j))
		}
		leads(user, next...)
	}
	leads("root", first...)
	for level := range treeLevels {
		for i := range treeWidth {
			to := victim
			if level+1 < treeLevels {
				to = member(fmt.Sprintf("level%d-%d", level+1, i), level+i)
			}
			leads(fmt.Sprintf("level%d-%d", level, i), to)
		}
	}
}
