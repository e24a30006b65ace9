package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// asked is what a server was measured at that asks who registers (digest, MD5).
type asked struct {
	// New are REGISTERs of users that have no nonce yet: each is two requests.
	New phase[registerResult] `json:"register_new"`
	// Refresh are REGISTERs with a nonce that is good, and the next count.
	Refresh phase[registerResult] `json:"register_refresh"`
}

// measureAsked registers all users, who are challenged once each, and then has them
// refresh with the nonces that they have.
func (b *bench) measureAsked(ctx context.Context, t target, server *process, dir string, u *users) (*asked, error) {
	a := &asked{}
	load := registerLoad{aors: u.n, count: u.n, user: "u", cseq: 1, seconds: 120, password: u.password, nonces: filepath.Join(dir, "nonces")}
	if err := b.costOf(ctx, t, server, load, &a.New); err != nil {
		return nil, err
	}
	if n := a.New.Result.Challenged; n < a.New.Result.Sent {
		return nil, fmt.Errorf("%d of %d users were asked who they are", n, a.New.Result.Sent)
	}
	load.count, load.seconds = b.options.Refreshes, 300
	return a, b.costOf(ctx, t, server, load, &a.Refresh)
}

// costOf runs the load, and takes the server's CPU before and after.
func (b *bench) costOf(ctx context.Context, t target, server *process, l registerLoad, into *phase[registerResult]) error {
	start, err := readUsage(server.pid())
	if err != nil {
		return err
	}
	if into.Result, err = b.register(ctx, t.address, l); err != nil {
		return err
	}
	end, err := readUsage(server.pid())
	into.CPU = end.cpu - start.cpu
	return err
}
