package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
)

// registerLoad is one run of native/regload.c.
type registerLoad struct {
	aors, count int
	user        string // prefix of the users' names
	contact     string // host:port; empty: the generator's own sockets
	cseq        int    // of the first REGISTER of each AOR
	seconds     int    // the longest it may run
	// password that challenges are answered with, and the file that keeps the nonces
	// from one run for the next; empty for none.
	password, nonces string
}

// registerResult is what regload prints.
type registerResult struct {
	Sent        int     `json:"sent"`
	OK          int     `json:"ok"`
	Other       int     `json:"other"`
	FirstOther  int     `json:"first_other"`
	Timeouts    int     `json:"timeouts"`
	Retransmits int     `json:"retransmits"`
	Stray       int     `json:"stray"`
	Challenged  int     `json:"challenged"`
	Seconds     float64 `json:"seconds"`
	P50         int     `json:"p50_us"`
	P99         int     `json:"p99_us"`
	Max         int     `json:"max_us"`
}

// failed is the number of REGISTERs that were not answered 200.
func (r registerResult) failed() int { return r.Sent - r.OK }

// parseRegisterResult reads regload's one line and checks its sums.
func parseRegisterResult(out []byte) (registerResult, error) {
	var r registerResult
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("parse regload output %q: %w", out, err)
	}
	if r.Sent < 1 || r.Seconds <= 0 || r.OK+r.Other+r.Timeouts != r.Sent {
		return r, fmt.Errorf("parse regload output %q: the numbers do not add up", out)
	}
	return r, nil
}

// register runs the load against a server.
func (b *bench) register(ctx context.Context, server netip.AddrPort, l registerLoad) (registerResult, error) {
	argv := []string{
		filepath.Join(b.dir, "regload"),
		"-d", server.String(), "-s", registerSource.String(), "-D", domain,
		"-u", l.user, "-n", strconv.Itoa(l.aors), "-c", strconv.Itoa(l.count), "-q", strconv.Itoa(l.cseq),
		"-w", strconv.Itoa(b.options.Window), "-S", strconv.Itoa(b.options.Sockets), "-T", strconv.Itoa(l.seconds),
	}
	if l.contact != "" {
		argv = append(argv, "-C", l.contact)
	}
	if l.password != "" {
		argv = append(argv, "-P", l.password)
	}
	if l.nonces != "" {
		argv = append(argv, "-N", l.nonces)
	}
	out, status, err := runPinned(ctx, b.cpus.load, b.dir, argv)
	if err != nil {
		return registerResult{}, err
	}
	if status != 0 {
		return registerResult{}, fmt.Errorf("regload ended with status %d", status)
	}
	return parseRegisterResult(out)
}
