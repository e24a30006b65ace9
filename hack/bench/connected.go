package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// connected is what a server was measured at over one transport, by phones that keep
// a connection each.
type connected struct {
	Refresh phase[registerResult] `json:"register_refresh"`
	Calls   *phase[callResult]    `json:"calls,omitempty"`
}

// measureConnected measures TCP, and then TLS.
func (b *bench) measureConnected(ctx context.Context, t target, server *process, s *sample) (err error) {
	if s.TCP, err = b.measureOver(ctx, t.address, server, false); err != nil {
		return fmt.Errorf("over TCP: %w", err)
	}
	over := netip.AddrPortFrom(t.address.Addr(), t.address.Port()+1)
	if s.TLS, err = b.measureOver(ctx, over, server, true); err != nil {
		return fmt.Errorf("over TLS: %w", err)
	}
	return nil
}

// measureOver has all phones connect and register, and measures what comes after that.
func (b *bench) measureOver(ctx context.Context, at netip.AddrPort, server *process, tls bool) (*connected, error) {
	p, err := b.startPhones(ctx, at, tls)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	warm, err := p.register(max(warmUp, b.options.Connections))
	if err == nil && warm.failed() > 0 {
		err = fmt.Errorf("%d of %d REGISTERs failed: %d", warm.failed(), warm.Sent, warm.FirstOther)
	}
	if err != nil {
		return nil, err
	}
	c := &connected{}
	start, err := readUsage(server.pid())
	if err != nil {
		return nil, err
	}
	if c.Refresh.Result, err = p.register(b.options.Refreshes); err != nil {
		return nil, err
	}
	end, err := readUsage(server.pid())
	if err != nil || b.options.Calls == 0 {
		c.Refresh.CPU = end.cpu - start.cpu
		return c, err
	}
	c.Refresh.CPU = end.cpu - start.cpu
	c.Calls, err = b.measureConnectedCalls(ctx, p, server)
	return c, err
}

// measureConnectedCalls counts as measureCalls does.
func (b *bench) measureConnectedCalls(ctx context.Context, p *phones, server *process) (*phase[callResult], error) {
	if _, err := p.call(min(callees, b.options.Calls), b.options.CallRate); err != nil { // warm-up
		return nil, err
	}
	start, err := readUsage(server.pid())
	if err != nil {
		return nil, err
	}
	calls := &phase[callResult]{}
	if calls.Result, err = p.call(b.options.Calls, b.options.CallRate); err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Duration(b.options.Drain)*time.Second); err != nil {
		return nil, err
	}
	end, err := readUsage(server.pid())
	calls.CPU = end.cpu - start.cpu
	return calls, err
}

// phones are a native/connload.c that runs.
type phones struct {
	cmd      *exec.Cmd
	commands io.WriteCloser
	results  *bufio.Scanner
	problem  strings.Builder
}

// startPhones starts it; the context's end kills it.
func (b *bench) startPhones(ctx context.Context, at netip.AddrPort, tls bool) (*phones, error) {
	argv := []string{
		filepath.Join(b.dir, "connload"), "-d", at.String(), "-s", phoneSource.String(),
		"-n", strconv.Itoa(b.options.Connections), "-w", strconv.Itoa(b.options.Window),
	}
	if tls {
		argv = append(argv, "-t")
	}
	p := &phones{cmd: exec.CommandContext(ctx, "taskset", pinned(b.cpus.load, argv)...)}
	p.cmd.SysProcAttr, p.cmd.Stderr, p.cmd.WaitDelay = childAttributes(), &p.problem, stopGrace
	var err error
	if p.commands, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.results = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start connload: %w", err)
	}
	return p, nil
}

// stop has the phones close their connections.
func (p *phones) stop() {
	_ = p.commands.Close()
	_ = p.cmd.Wait() // what went wrong was told by the command that had no result
}

// register has count REGISTERs sent, the phones taking turns.
func (p *phones) register(count int) (registerResult, error) {
	out, err := p.do("register", count)
	if err != nil {
		return registerResult{}, err
	}
	return parseRegisterResult(out)
}

// call has each even phone call the next one, in turn.
func (p *phones) call(count, rate int) (callResult, error) {
	out, err := p.do("call", count, rate)
	if err != nil {
		return callResult{}, err
	}
	return parseConnectedCalls(out)
}

// do has one command obeyed and returns its line.
func (p *phones) do(command string, numbers ...int) ([]byte, error) {
	for _, n := range numbers {
		command += " " + strconv.Itoa(n)
	}
	_, err := io.WriteString(p.commands, command+"\n")
	if err == nil && p.results.Scan() {
		return p.results.Bytes(), nil
	}
	_ = p.cmd.Wait() // it has ended, and its last words are read
	return nil, fmt.Errorf("connload: %s", strings.TrimSpace(p.problem.String()))
}

// parseConnectedCalls reads connload's line of calls and checks its sums.
func parseConnectedCalls(out []byte) (callResult, error) {
	var r callResult
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("parse connload output %q: %w", out, err)
	}
	if r.Created < 1 || r.Succeeded < 0 || r.Succeeded+r.Failed != r.Created {
		return r, fmt.Errorf("parse connload output %q: the numbers do not add up", out)
	}
	return r, nil
}

// perRegister is false for who was not measured over the transport.
func (c *connected) perRegister() (float64, bool) {
	if c == nil {
		return 0, false
	}
	return perRequest(c.Refresh.CPU.Seconds(), c.Refresh.Result.OK)
}

func (c *connected) perCall() (float64, bool) {
	if c == nil || c.Calls == nil {
		return 0, false
	}
	return perRequest(c.Calls.CPU.Seconds(), c.Calls.Result.Succeeded)
}

// work is what was asked for over the transport, done or not.
func (c *connected) work(transport string, o options) []work {
	refreshes := work{what: "refreshes over " + transport, asked: o.Refreshes}
	calls := work{what: "calls over " + transport, asked: o.Calls}
	if c != nil {
		refreshes.done = c.Refresh.Result.OK
	}
	if c != nil && c.Calls != nil {
		calls.done = c.Calls.Result.Succeeded
	}
	return []work{refreshes, calls}
}

// String is its part of a progress line.
func (c *connected) String() string {
	register, _ := c.perRegister()
	call, _ := c.perCall()
	return fmt.Sprintf("%.1f us/REGISTER, %.0f us/call", register, call)
}
