package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// callees is the number of AORs that calls are spread over.
const callees = 100

// sippBuffer is SIPp's socket buffer in bytes: a load that drops answers
// measures itself.
const sippBuffer = "2097152"

// sippBroken is the first of SIPp's exit statuses that say that it could not
// do its work; lower ones, that calls failed or did not end.
const sippBroken = 254

// callResult is the outcome of one SIPp caller.
type callResult struct {
	Created     int     `json:"created"`
	Succeeded   int     `json:"succeeded"`
	Failed      int     `json:"failed"`
	Retransmits int     `json:"retransmits"`
	Rate        float64 `json:"rate_per_s"`
}

// parseSippStats reads the last line of SIPp's -trace_stat file, whose columns
// ending in (C) count from the start.
func parseSippStats(text string) (callResult, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.LazyQuotes, reader.FieldsPerRecord = ';', true, -1
	rows, err := reader.ReadAll()
	if err != nil {
		return callResult{}, fmt.Errorf("parse SIPp statistics: %w", err)
	}
	if len(rows) < 2 {
		return callResult{}, fmt.Errorf("parse SIPp statistics: %d lines", len(rows))
	}
	last := rows[len(rows)-1]
	values := map[string]string{}
	for i, name := range rows[0] {
		if i < len(last) {
			values[name] = last[i]
		}
	}
	var r callResult
	for name, to := range map[string]*int{
		"TotalCallCreated": &r.Created, "SuccessfulCall(C)": &r.Succeeded,
		"FailedCall(C)": &r.Failed, "Retransmissions(C)": &r.Retransmits,
	} {
		if *to, err = strconv.Atoi(values[name]); err != nil {
			return r, fmt.Errorf("parse SIPp statistics: %s: %w", name, err)
		}
	}
	if r.Rate, err = strconv.ParseFloat(values["CallRate(C)"], 64); err != nil {
		return r, fmt.Errorf("parse SIPp statistics: CallRate(C): %w", err)
	}
	return r, nil
}

// injection is a SIPp injection file: the callees' users, taken in turn.
func injection() []byte {
	text := []byte("SEQUENTIAL\n")
	for i := range callees {
		text = fmt.Appendf(text, "callee%d;\n", i)
	}
	return text
}

// startCallee starts the SIPp that answers every call, and registers its AORs.
func (b *bench) startCallee(ctx context.Context, server netip.AddrPort, dir string) (*process, error) {
	scenario, err := b.scenario(dir, "uas.xml")
	if err != nil {
		return nil, err
	}
	callee, err := start("sipp-callee", b.cpus.load, dir, []string{
		"sipp", "-sf", scenario, "-i", calleeAddress.Addr().String(), "-p", strconv.Itoa(int(calleeAddress.Port())),
		"-mi", calleeAddress.Addr().String(), "-buff_size", sippBuffer,
		"-default_behaviors", "all,-abortunexp", "-nostdin",
	})
	if err != nil {
		return nil, err
	}
	r, err := b.register(ctx, server, registerLoad{
		aors: callees, count: callees, user: "callee", contact: calleeAddress.String(), cseq: 1, seconds: 10,
	})
	if err == nil && r.failed() > 0 {
		err = fmt.Errorf("%d of %d callees could not register", r.failed(), callees)
	}
	if err == nil && callee.exited() {
		err = fmt.Errorf("sipp exited: %s", callee.lastLine())
	}
	if err != nil {
		callee.stop()
		return nil, err
	}
	return callee, nil
}

// call places calls through the server at the rate of the options.
func (b *bench) call(ctx context.Context, server netip.AddrPort, dir string, calls int) (callResult, error) {
	scenario, err := b.scenario(dir, "uac.xml")
	if err != nil {
		return callResult{}, err
	}
	users, stats := filepath.Join(dir, "callees.csv"), filepath.Join(dir, "calls.csv")
	if err := os.WriteFile(users, injection(), 0o600); err != nil {
		return callResult{}, err
	}
	if err := os.Remove(stats); err != nil && !errors.Is(err, os.ErrNotExist) { // those of the warm-up
		return callResult{}, err
	}
	rate := b.options.CallRate
	limit := time.Duration(calls/rate+45) * time.Second
	limited, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	_, status, err := runPinned(limited, b.cpus.load, dir, []string{
		"sipp", server.String(), "-sf", scenario, "-inf", users,
		"-i", callerAddress.Addr().String(), "-p", strconv.Itoa(int(callerAddress.Port())),
		"-mi", callerAddress.Addr().String(), "-buff_size", sippBuffer,
		"-r", strconv.Itoa(rate), "-m", strconv.Itoa(calls), "-l", strconv.Itoa(20 * rate),
		"-default_behaviors", "all,-abortunexp", "-timeout", strconv.Itoa(int(limit.Seconds())),
		"-trace_stat", "-stf", stats, "-fd", "1", "-nostdin",
	})
	// A SIPp that does not end has calls that did not: they count as failed.
	if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
		return callResult{}, err
	}
	text, err := os.ReadFile(stats)
	if err == nil && status >= sippBroken {
		err = errors.New("it could not run")
	}
	if err != nil {
		return callResult{}, fmt.Errorf("sipp ended with status %d: %w", status, err)
	}
	return parseSippStats(string(text))
}

// scenario writes one of our scenarios where SIPp can read it.
func (b *bench) scenario(dir, name string) (string, error) {
	content, err := files.ReadFile("scenarios/" + name)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	return path, os.WriteFile(path, content, 0o600)
}

// parseSippVersion takes "v3.6.1" from " SIPp v3.6.1-SCTP-PCAP-RTPSTREAM."
func parseSippVersion(out string) string {
	for f := range strings.FieldsSeq(out) {
		if len(f) > 1 && f[0] == 'v' && f[1] >= '0' && f[1] <= '9' {
			version, _, _ := strings.Cut(strings.TrimSuffix(f, "."), "-")
			return version
		}
	}
	return "unknown"
}
