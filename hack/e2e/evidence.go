//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// What is kept of losses is bounded: so many folders a run, and so many bytes a file.
const (
	maxEvidence  = 5
	evidenceSize = 4 << 20
	// evidenceLimit bounds the keeping of one.
	evidenceLimit = time.Minute
)

// evidence keeps what the machines, Kubernetes and the proxies tell in the moment in which
// a case loses something: once a case, the first time. Its methods may be called
// concurrently.
type evidence struct {
	stage *stage
	// save writes all that there is to a folder, of the proxies that lost it too.
	save func(ctx context.Context, dir string, of *proxies) error

	mu    sync.Mutex
	title string // of the case that is played
	open  bool   // it has lost nothing yet
	kept  int
}

// begin is called when a case begins.
func (v *evidence) begin(title string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.title, v.open = title, true
}

// lost keeps what there is to see of a loss, which errs tell of, if it is the case's first
// one. It returns when all is written. A nil evidence keeps nothing.
func (v *evidence) lost(ctx context.Context, of *proxies, errs ...string) {
	if v == nil || ctx.Err() != nil {
		return
	}
	at := time.Now()
	v.mu.Lock()
	defer v.mu.Unlock() // what comes meanwhile waits: it is the same loss
	if !v.open {
		return
	}
	v.open = false
	if v.kept++; v.kept > maxEvidence {
		v.stage.step("%s lost something: no more is kept, there are %d folders", v.title, maxEvidence)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, evidenceLimit)
	defer cancel()
	err := v.stage.keepLogs(func(logs string) error {
		dir := filepath.Join(logs, fmt.Sprintf("lost-%d-%s", v.kept, slug(v.title)))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		v.stage.step("%s lost something: what was to be seen then is kept in %s", v.title, dir)
		text := at.UTC().Format(time.RFC3339Nano) + " " + v.title + "\n" + strings.Join(errs, "\n") + "\n"
		return errors.Join(os.WriteFile(filepath.Join(dir, "lost.txt"), []byte(text), 0o644), v.save(ctx, dir, of))
	})
	if err != nil {
		v.stage.step("what was to be seen of it is not all there: %v", err)
	}
}

// notice keeps evidence if not all of these outcomes are good.
func (e *env) notice(ctx context.Context, what string, outcomes ...phones.Outcome) {
	var errs []string
	for _, o := range outcomes {
		if !o.Whole() {
			errs = append(append(errs, fmt.Sprintf("%s: %v", what, o)), o.Errors...)
		}
	}
	if len(errs) > 0 {
		e.stage.evidence.lost(ctx, e.proxies, errs...)
	}
}

// noticeResult keeps evidence of a case with pods of its own, before these go: if it failed,
// and nobody noticed sooner.
func (e *env) noticeResult(ctx context.Context, r *result, err error) {
	errs := r.errors()
	if err != nil {
		errs = append(errs, err.Error())
	}
	if err != nil || r.failed() {
		e.stage.evidence.lost(ctx, e.proxies, errs...)
	}
}

// goOn notes what went wrong with one fault of several, and returns nil if the next one can be
// played: all three proxies are there.
func (e *env) goOn(ctx context.Context, r *result, err error) error {
	r.note(err)
	e.noticeResult(ctx, r, nil)
	if err == nil {
		return nil
	}
	e.stage.step("%s: %v", r.Title, err)
	return eventually(ctx, settleLimit, func(ctx context.Context) error { return e.proxies.whole(ctx, 3, nil) })
}

// slug is a title as the name of a folder.
func slug(title string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(title)), "-")
}

// soonGone is what changes soonest: it is asked for first, of every machine.
var soonGone = []struct {
	file string
	args []string
}{
	{"conntrack", []string{"conntrack", "-L", "-o", "extended"}},
	{"conntrack6", []string{"conntrack", "-L", "-f", "ipv6", "-o", "extended"}},
	{"routes", []string{"ip", "route", "show", "table", "all"}},
	{"addresses", []string{"ip", "address"}},
	{"sockets", []string{"ss", "-anu"}},
	{"nftables", []string{"nft", "--stateless", "list", "ruleset"}},
}

// saveEvidence writes what changes soonest first.
func (k *kube) saveEvidence(ctx context.Context, dir string, of *proxies) error {
	slices, err := k.kubectl(ctx, "get", "endpointslices,services", "--all-namespaces", "-o", "yaml")
	if err != nil {
		slices += err.Error()
	}
	return errors.Join(k.saveMachines(ctx, dir), writeBounded(filepath.Join(dir, "endpointslices.yaml"), []byte(slices)), of.saveLogs(ctx, dir))
}

// saveMachines writes what the kernel of each machine knows of flows, routes and rules, all
// machines at once.
func (k *kube) saveMachines(ctx context.Context, dir string) error {
	machines := k.cluster.Machines()
	errs := make([]error, len(machines))
	var saving sync.WaitGroup
	for i, machine := range machines {
		saving.Go(func() {
			for _, what := range soonGone {
				cmd, err := k.cluster.MachineCommand(ctx, machine, what.args[0], what.args[1:]...)
				if err != nil {
					errs[i] = err
					return
				}
				out, err := cmd.Output()
				if err != nil {
					out = fmt.Appendf(out, "%v\n", err) // such as no such program: worth to know, no failure
				}
				errs[i] = errors.Join(errs[i], writeBounded(filepath.Join(dir, machine+"."+what.file+".txt"), out))
			}
		})
	}
	saving.Wait()
	return errors.Join(errs...)
}

// writeBounded writes the first evidenceSize bytes, and says what it left out.
func writeBounded(path string, content []byte) error {
	if more := len(content) - evidenceSize; more > 0 {
		content = fmt.Appendf(content[:evidenceSize:evidenceSize], "\n... and %d bytes more\n", more)
	}
	return os.WriteFile(path, content, 0o644)
}
