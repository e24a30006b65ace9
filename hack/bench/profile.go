package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	profileSeconds  = 8
	maxProfileBytes = 64 << 20
)

// profile starts sipring once more, with its profiler, and writes register.pprof,
// calls.pprof and, of one that asks who registers, digest.pprof, taken under the load
// of the rounds. It is a pass of its own: a profiled server is not a measured one.
func (b *bench) profile(ctx context.Context, dir string) error {
	b.profiling = true
	t := b.sipringTarget()
	if _, err := t.prepare(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work := filepath.Join(b.dir, "profile")
	err := b.with(ctx, t, work, setup{}, func(server *process) error {
		err := b.profileRegister(ctx, t, server, filepath.Join(dir, "register.pprof"), registerLoad{})
		if err != nil || b.options.Calls == 0 {
			return err
		}
		return b.profileCalls(ctx, t, server, work, dir)
	})
	if err != nil || !b.options.Digest {
		return err
	}
	u := &users{n: b.options.Bindings, password: rand.Text()}
	work += "-digest"
	return b.with(ctx, t, work, setup{users: u}, func(server *process) error {
		return b.profileRegister(ctx, t, server, filepath.Join(dir, "digest.pprof"), registerLoad{password: u.password})
	})
}

// profileRegister takes a profile under REGISTERs with the credentials of the load.
func (b *bench) profileRegister(ctx context.Context, t target, server *process, file string, l registerLoad) error {
	b.progress("profiling REGISTER")
	l.aors, l.count, l.user, l.cseq, l.seconds = b.options.Bindings, 20000000, "u", 1, profileSeconds+1
	return b.fetchDuring(ctx, server, file, func(ctx context.Context) error {
		r, err := b.register(ctx, t.address, l)
		if err == nil {
			b.progress("%d REGISTERs sent, %d answered 200, %d challenges", r.Sent, r.OK, r.Challenged)
		}
		return err
	})
}

func (b *bench) profileCalls(ctx context.Context, t target, server *process, work, dir string) error {
	// The profiler samples busy threads: short bursts between long waits escape it.
	b.options.CallRate = max(b.options.CallRate, 1000)
	b.progress("profiling calls at %d/s", b.options.CallRate)
	callee, err := b.startCallee(ctx, t.address, work)
	if err != nil {
		return err
	}
	defer callee.stop()
	return b.fetchDuring(ctx, server, filepath.Join(dir, "calls.pprof"), func(ctx context.Context) error {
		r, err := b.call(ctx, t.address, work, b.options.CallRate*(profileSeconds+1))
		if err == nil {
			b.progress("%d calls, %d succeeded, %.0f/s", r.Created, r.Succeeded, r.Rate)
		}
		return err
	})
}

// fetchDuring fetches a CPU profile while load runs, and returns when both
// ended. It tells the kernel's account too: a profile with far less in it has
// missed most of what ran.
func (b *bench) fetchDuring(ctx context.Context, server *process, file string, load func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 6*profileSeconds*time.Second)
	defer cancel()
	loaded := make(chan error, 1)
	go func() { loaded <- load(ctx) }()
	url := fmt.Sprintf("http://%s:%d/debug/pprof/profile?seconds=%d", sipringAddress.Addr(), sipringAdminPort, profileSeconds)
	before, err := cpuTime(server.pid())
	if err == nil {
		err = fetchProfile(ctx, url, file)
	}
	after, _ := cpuTime(server.pid()) // gone: the profile failed too
	if err != nil {
		cancel() // no profile: the load has no purpose
	}
	if loadErr := <-loaded; err == nil {
		err = loadErr
	}
	if err == nil {
		b.progress("wrote %s: %.2f s of CPU in %d s", file, (after - before).Seconds(), profileSeconds)
	}
	return err
}

func fetchProfile(ctx context.Context, url, file string) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// No proxy and no kept connection: this is a process beside us.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("fetch profile: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch profile: %s", response.Status)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, io.LimitReader(response.Body, maxProfileBytes))
	return err
}
