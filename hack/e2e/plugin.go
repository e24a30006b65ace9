//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
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

// line is a command line, and what its output has to have.
type line struct {
	args  []string
	wants []string
}

// lookLines are of commands that only look: aor is home at the proxy that was killed.
func lookLines(aor string) []line {
	return []line{
		{[]string{"status"}, []string{"3 of 3 members", "of voice-0: out of the ring within", "RESTARTS"}},
		{[]string{"status", "-o", "wide"}, []string{"ADDRESS", "VERSION"}},
		{[]string{"explain"}, []string{"lost voice-0", "lost voice-0: ", "got another home", "voice-0 was in every ring again", "no phone had to register again"}},
		{[]string{"events", "--since", "2m"}, []string{"MemberLost", "MemberJoined", "became home of"}},
		{[]string{"where", aor}, []string{"home", "replica", "sip:"}},
		{[]string{"bindings", "--limit", "4"}, []string{"CONTACT", "More: --after"}},
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
	if err := t.traced(ctx, e, order[0]); err != nil {
		return err
	}
	if err := t.run(ctx, e, line{[]string{"drain", "voice-1"}, []string{"voice-1 is evicted", "voice-1 is gone after"}}); err != nil {
		return err
	}
	if err := eventually(ctx, settleLimit, func(ctx context.Context) error { return e.proxies.whole(ctx, 3, nil) }); err != nil {
		return err
	}
	if err := t.run(ctx, e, line{[]string{"keys", "rotate", "--hurry", "--request", pluginCase}, []string{"is asked to rotate its keys"}}); err != nil {
		return err
	}
	if err := eventually(ctx, rotateLimit, func(ctx context.Context) error { return e.keysRotated(ctx, pluginCase) }); err != nil {
		return err
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
			[]string{"trace", e.party.load.Phones[phone].AOR(), "--for", "5s", "--max", "20"},
			[]string{"INVITE sip:", "SIP/2.0 200", "voice-0: ended: ", "voice-1: ended: ", "voice-2: ended: "},
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

// run runs one, as a user would.
func (t *transcript) run(ctx context.Context, e *env, l line) error {
	out, err := e.kube.command(ctx, plugin, append([]string{"--namespace", namespace}, l.args...)...)
	if err != nil {
		return err
	}
	command := "kubectl sip " + strings.Join(l.args, " ")
	for _, want := range l.wants {
		if !strings.Contains(out, want) {
			return fmt.Errorf("%s has no %q:\n%s", command, want, out)
		}
	}
	e.stage.step("  %s: %d lines", command, strings.Count(out, "\n"))
	t.all = append(t.all, spoken{command, out})
	return nil
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
