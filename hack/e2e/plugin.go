//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/demo/phones"
)

// pluginCase runs the plugin of kubectl against the cluster that just lost a proxy.
const pluginCase = "kubectl"

// plugin is the program under test.
var plugin = filepath.Join("bin", "kubectl-sip")

// playPlugin kills a proxy while calls are up. When it is back, what the commands of
// the plugin say of it is looked at, and written into the page that --write-docs names.
func playPlugin(ctx context.Context, e *env) ([]*result, error) {
	if _, err := os.Stat(plugin); err != nil {
		return nil, fmt.Errorf("%w: make build makes it", err)
	}
	return e.inTurn(ctx, pluginCase, []fault{{
		title: "kubectl sip, after a SIGKILL of voice-0", victim: "voice-0", reborn: true,
		do: sigkill, after: (&transcript{}).play,
	}})
}

// spoken is a command line, and what it printed.
type spoken struct{ command, output string }

// transcript is what was run.
type transcript struct{ all []spoken }

// line is a command line, and what its output has to have, and must not.
type line struct {
	args  []string
	wants []string
	never string
	// fails: it ends with an exit code other than 0.
	fails bool
}

// lookLines are of commands that only look: aor is home at the proxy that was killed.
func lookLines(aor string) []line {
	return []line{
		{args: []string{"status"}, wants: []string{"3 of 3 members", "of voice-0", ": out of the ring within", "RESTARTS"}},
		{args: []string{"status", "-o", "wide"}, wants: []string{"ADDRESS", "VERSION"}},
		{args: []string{"explain"}, wants: []string{"lost voice-0", "lost voice-0: ", "got another home", "voice-0 was in every ring again", "no phone had to register again"}},
		{args: []string{"events", "--since", "2m"}, wants: []string{"MemberLost", "MemberJoined", "became home of"}},
		{args: []string{"where", aor}, wants: []string{"home", "replica", "sip:"}},
		{args: []string{"bindings", "--limit", "4"}, wants: []string{"CONTACT", "More: --after"}},
	}
}

func (t *transcript) play(ctx context.Context, e *env) error {
	set, err := e.proxies.set(ctx)
	if err != nil {
		return err
	}
	order, _ := e.party.load.HomedFirst(set, idOf(set, "voice-0"))
	aor := e.party.load.Phones[order[0]].AOR()
	if err := eventually(ctx, settleLimit, e.ready); err != nil {
		return err
	}
	for _, l := range lookLines(aor) {
		if err := t.run(ctx, e, l); err != nil {
			return err
		}
	}
	for _, part := range []func(context.Context, *env, int) error{t.traced, t.unregistered, asPeople, unreached, t.drained, t.rotated} {
		if err := part(ctx, e, order[0]); err != nil {
			return err
		}
	}
	if e.stage.o.writeDocs == "" {
		return nil
	}
	return t.writeTo(e.stage.o.writeDocs)
}

// traced has a phone called until a trace of its messages has ended.
func (t *transcript) traced(ctx context.Context, e *env, phone int) error {
	ended := make(chan error, 1)
	go func() {
		ended <- t.run(ctx, e, line{
			args:  []string{"trace", e.party.load.Phones[phone].AOR(), "--for", "5s", "--max", "20"},
			wants: []string{"INVITE sip:", "SIP/2.0 200", "voice-0: ended: ", "voice-1: ended: ", "voice-2: ended: "},
		})
	}()
	for {
		select {
		case err := <-ended:
			return err
		default:
		}
		if c := e.party.load.CallAll(ctx, phones.Calling{Order: []int{phone}, Patience: phones.AnswerLimit}); !c.Hungup.Whole() {
			return errors.Join(fmt.Errorf("%v calls while a trace runs: %v %v", c.Hungup, c.Reached.Errors, c.Hungup.Errors), <-ended)
		}
	}
}

// unregistered removes what a phone registered, and has the phone register again.
func (t *transcript) unregistered(ctx context.Context, e *env, phone int) error {
	one := e.party.load.Phones[phone]
	if err := t.run(ctx, e, line{args: []string{"unregister", one.AOR(), "--yes"}, wants: []string{"Removed sip:", " of " + one.AOR()}}); err != nil {
		return err
	}
	where := line{args: []string{"where", one.AOR()}, wants: []string{"home", "replica", "nothing is registered"}}
	if _, err := e.sip(ctx, where); err != nil {
		return err
	}
	if err := one.Register(ctx, 3600); err != nil {
		return fmt.Errorf("a phone that was removed registers again: %w", err)
	}
	where.wants = []string{"home", "replica", "sip:" + one.User() + "@"}
	_, err := e.sip(ctx, where)
	return err
}

// drained has a proxy leave, and waits until it is back.
func (t *transcript) drained(ctx context.Context, e *env, _ int) error {
	if err := t.run(ctx, e, line{args: []string{"drain", "voice-1"}, wants: []string{"voice-1 is evicted", "voice-1 is gone after"}}); err != nil {
		return err
	}
	return eventually(ctx, settleLimit, func(ctx context.Context) error { return e.proxies.whole(ctx, 3, nil) })
}

// rotated replaces the keys: with a wait that is too short, with one that ends when the
// new keys sign everywhere, and with one that ends when the old ones are gone, in a hurry.
func (t *transcript) rotated(ctx context.Context, e *env, _ int) error {
	rotate := []string{"keys", "rotate", "--request", pluginCase, "--wait"}
	for _, l := range []line{
		{args: append(rotate, "--timeout", "1s"), wants: []string{"is asked to rotate its keys", "Keys: ", "not done within 1s: the operator goes on"}, fails: true},
		{args: rotate, wants: []string{"Retiring", "Done\n"}},
		{args: append(rotate, "--hurry"), wants: []string{"Keys: Current", "signing keys: Current", "Done\n"}},
	} {
		if err := t.run(ctx, e, l); err != nil {
			return err
		}
	}
	return e.keysRotated(ctx, pluginCase)
}

// run runs one, as a user would, and keeps what it prints.
func (t *transcript) run(ctx context.Context, e *env, l line) error {
	out, err := e.sip(ctx, l)
	if err != nil {
		return err
	}
	e.stage.step("  %s: %d lines", l.command(), strings.Count(out, "\n"))
	t.all = append(t.all, spoken{l.command(), out})
	return nil
}

func (l *line) command() string { return "kubectl sip " + strings.Join(l.args, " ") }

// sip runs a command of the plugin, and returns what it prints once that is looked at.
func (e *env) sip(ctx context.Context, l line) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, rotateLimit)
	defer cancel()
	out, err := e.kube.run(ctx, plugin, append([]string{"--namespace", namespace}, l.args...)...)
	var exit *exec.ExitError
	failed := errors.As(err, &exit) && exit.Exited()
	switch {
	case l.fails && err == nil:
		return "", fmt.Errorf("%s did not fail:\n%s", l.command(), out)
	case err != nil && (!l.fails || !failed):
		return "", err
	}
	for _, want := range l.wants {
		if !strings.Contains(out, want) {
			return "", fmt.Errorf("%s has no %q:\n%s", l.command(), want, out)
		}
	}
	if l.never != "" && strings.Contains(out, l.never) {
		return "", fmt.Errorf("%s has %q:\n%s", l.command(), l.never, out)
	}
	return out, nil
}

// ready returns nil once the SIPCluster is.
func (e *env) ready(ctx context.Context) error {
	c, err := e.kube.sipCluster(ctx, namespace, sipCluster)
	if err == nil && !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady) {
		err = fmt.Errorf("SIPCluster %s is not ready", sipCluster)
	}
	return err
}

// keysRotated returns nil once both kinds of keys are those of the request alone.
func (e *env) keysRotated(ctx context.Context, request string) error {
	c, err := e.kube.sipCluster(ctx, namespace, sipCluster)
	if err != nil {
		return err
	}
	for name, k := range map[string]*v1alpha1.KeysStatus{"keys": c.Status.Keys, "signing keys": c.Status.Signer} {
		if k == nil || k.Request != request || k.Phase != "Current" {
			return fmt.Errorf("the %s of SIPCluster %s are not rotated: %+v", name, sipCluster, k)
		}
	}
	return nil
}

// writeTo fills the outputs in where the page has such command lines.
func (t *transcript) writeTo(page string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	filled, err := fill(string(text), t.all)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(filled), 0o644)
}

// fill replaces each block of code that begins with "$ " and the command, whatever
// address-of-record it has, by what was run. Each has to have one.
func fill(page string, all []spoken) (string, error) {
	const begin, end = "```\n$ ", "\n```"
	for _, s := range all {
		before, rest, found := strings.Cut(page, begin+s.kind())
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			return "", fmt.Errorf("no block of code begins with %q", "$ "+s.kind())
		}
		page = before + begin + s.command + "\n" + shown(s.output) + end + after
	}
	return page, nil
}

// Bounds of an output on a page: one that has more lines than most has the first and
// the last ones alone.
const (
	mostLines = 60
	endLines  = 16
)

func shown(output string) string {
	output = strings.TrimRight(output, "\n")
	all := strings.Split(output, "\n")
	if len(all) <= mostLines {
		return output
	}
	left := fmt.Sprintf("... (%d lines)", len(all)-2*endLines)
	return strings.Join(slices.Concat(all[:endLines], []string{left}, all[len(all)-endLines:]), "\n")
}

// kind is the command line up to an address-of-record, which differs from run to run.
func (s *spoken) kind() string {
	kind, _, named := strings.Cut(s.command, " sip:")
	if named {
		return kind + " "
	}
	return kind + "\n"
}
