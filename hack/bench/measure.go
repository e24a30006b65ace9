package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// warmUp is the number of bindings that a server makes before anything is
// measured, so that its pools and tables exist.
const warmUp = 1000

// phase is one load with the CPU it cost the server.
type phase[R any] struct {
	CPU    time.Duration `json:"server_cpu_ns"`
	Result R             `json:"result"`
}

// sample is what one round measured of one server.
type sample struct {
	Round   int                   `json:"round"`
	New     phase[registerResult] `json:"register_new"`
	Refresh phase[registerResult] `json:"register_refresh"`
	Calls   *phase[callResult]    `json:"calls,omitempty"`
	// Asked is what it costs to ask who registers.
	Asked *asked `json:"asked,omitempty"`
	// TCP and TLS are of phones that keep a connection each.
	TCP      *connected        `json:"tcp,omitempty"`
	TLS      *connected        `json:"tls,omitempty"`
	Idle     phase[idleResult] `json:"idle"`
	Bindings int               `json:"bindings"`
	// Memory of all the server's processes in bytes (PSS): after the warm-up,
	// and with all bindings after the refreshes.
	MemoryBefore int64 `json:"memory_before"`
	MemoryAfter  int64 `json:"memory_after"`
}

// idleResult is how long the server was left alone with all its bindings.
type idleResult struct {
	Seconds float64 `json:"seconds"`
}

// measure runs one round on one server, from a fresh start to its end; on one more
// that asks who registers, and on one that phones connect to.
func (b *bench) measure(ctx context.Context, t target, round int) (sample, error) {
	s := sample{Round: round}
	dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", t.name, round))
	err := b.with(ctx, t, dir, setup{}, func(server *process) error { return b.load(ctx, t, server, dir, &s) })
	if err == nil && t.stores && b.options.Digest {
		u := &users{n: b.options.Bindings, password: rand.Text()}
		work := dir + "-digest"
		err = b.with(ctx, t, work, setup{users: u}, func(server *process) error {
			s.Asked, err = b.measureAsked(ctx, t, server, work, u)
			return err
		})
	}
	if err == nil && t.connects && b.options.Connections > 0 {
		err = b.with(ctx, t, dir+"-connections", setup{connections: true}, func(server *process) error {
			return b.measureConnected(ctx, t, server, &s)
		})
	}
	return s, err
}

// with starts the server for what do does with it.
func (b *bench) with(ctx context.Context, t target, dir string, s setup, do func(*process) error) error {
	server, err := b.startServer(ctx, t, dir, s)
	if err != nil {
		return err
	}
	defer server.stop()
	if err = do(server); server.exited() && ctx.Err() == nil {
		err = fmt.Errorf("%s exited: %s", server.name, server.lastLine())
	}
	return err
}

// load is what a round asks of a server.
func (b *bench) load(ctx context.Context, t target, server *process, dir string, s *sample) error {
	err := b.measureRegister(ctx, t, server, s)
	if err != nil {
		return err
	}
	if err = b.measureIdle(ctx, server, s); err != nil {
		return err
	}
	if t.relays && b.options.Calls > 0 {
		s.Calls, err = b.measureCalls(ctx, t, server, dir)
	}
	return err
}

// startServer returns the server ready for its first request.
func (b *bench) startServer(ctx context.Context, t target, dir string, s setup) (*process, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkFree(t.address); err != nil {
		return nil, err
	}
	argv, err := t.command(dir, s)
	if err != nil {
		return nil, err
	}
	server, err := start(t.name, b.cpus.server, dir, argv)
	if err != nil {
		return nil, err
	}
	if err := waitReady(ctx, t.address, server, s.users != nil); err != nil {
		server.stop()
		return nil, err
	}
	return server, nil
}

func (b *bench) measureRegister(ctx context.Context, t target, server *process, s *sample) error {
	warm := registerLoad{aors: warmUp, count: 3 * warmUp, user: "warm", cseq: 1, seconds: 30}
	if _, err := b.register(ctx, t.address, warm); err != nil {
		return err
	}
	start, err := readUsage(server.pid())
	if err != nil {
		return err
	}
	n := b.options.Bindings
	s.Bindings, s.MemoryBefore = n, start.memory
	s.New.Result, err = b.register(ctx, t.address, registerLoad{aors: n, count: n, user: "u", cseq: 1, seconds: 120})
	if err != nil {
		return err
	}
	middle, err := readUsage(server.pid())
	if err != nil {
		return err
	}
	s.New.CPU = middle.cpu - start.cpu
	s.Refresh.Result, err = b.register(ctx, t.address, registerLoad{aors: n, count: b.options.Refreshes, user: "u", cseq: 2, seconds: 300})
	if err != nil {
		return err
	}
	end, err := readUsage(server.pid())
	if err != nil {
		return err
	}
	s.Refresh.CPU, s.MemoryAfter = end.cpu-middle.cpu, end.memory
	if t.stores {
		return checkBindings(t.address, n)
	}
	return nil
}

// measureIdle counts what timers and background work cost without any load;
// it is part of every figure, most of all of calls at a low rate.
func (b *bench) measureIdle(ctx context.Context, server *process, s *sample) error {
	start, err := readUsage(server.pid())
	if err != nil {
		return err
	}
	began := time.Now()
	if err := pause(ctx, time.Duration(b.options.Idle)*time.Second); err != nil {
		return err
	}
	end, err := readUsage(server.pid())
	if err != nil {
		return err
	}
	s.Idle = phase[idleResult]{CPU: end.cpu - start.cpu, Result: idleResult{Seconds: time.Since(began).Seconds()}}
	return nil
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// measureCalls counts the server's CPU until the drain time after the last
// call, for its transactions live on until their timers end.
func (b *bench) measureCalls(ctx context.Context, t target, server *process, dir string) (*phase[callResult], error) {
	callee, err := b.startCallee(ctx, t.address, dir)
	if err != nil {
		return nil, err
	}
	defer callee.stop()
	if _, err := b.call(ctx, t.address, dir, min(callees, b.options.Calls)); err != nil { // warm-up
		return nil, err
	}
	start, err := readUsage(server.pid())
	if err != nil {
		return nil, err
	}
	result, err := b.call(ctx, t.address, dir, b.options.Calls)
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Duration(b.options.Drain)*time.Second); err != nil {
		return nil, err
	}
	end, err := readUsage(server.pid())
	if err != nil {
		return nil, err
	}
	return &phase[callResult]{CPU: end.cpu - start.cpu, Result: result}, nil
}
