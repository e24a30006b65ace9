package kubectl

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/api/v1alpha1"
)

// maxRequest is the longest request that the status repeats, in bytes.
const maxRequest = 63

func (p *plugin) keys() *cobra.Command {
	cmd := &cobra.Command{Use: "keys", Short: "The keys that the proxies of a cluster share"}
	cmd.AddCommand(p.rotate())
	return cmd
}

// rotation is what is asked for.
type rotation struct {
	request     string
	hurry, wait bool
	timeout     time.Duration
}

func (p *plugin) rotate() *cobra.Command {
	r := rotation{}
	cmd := &cobra.Command{
		Use:   "rotate [CLUSTER]",
		Short: "Replace the keys of a cluster, while calls go on",
		Long: `Replace the keys of a cluster, while calls go on. The operator does it, step by step;
the old keys go when what they signed is no longer valid (spec.tokenHours).

With --hurry the old keys go as soon as the new ones sign everywhere. Calls that were
begun before then cannot be ended through the cluster: for keys that have leaked.

With --wait this ends when the new keys sign everywhere and, with --hurry, when the old
ones are gone.

A request that is under way may be made again: to wait for it, or to hurry it.`,
		Example: `  kubectl sip keys rotate voice --wait
  kubectl sip keys rotate voice --hurry --request leaked-2026-11`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: first(p.clusterNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.request == "" {
				r.request = p.Now().UTC().Format("2006-01-02T15-04-05Z")
			}
			if len(r.request) > maxRequest {
				return fmt.Errorf("--request is longer than %d bytes", maxRequest)
			}
			a, err := p.api()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), r.timeout, fmt.Errorf("not done within %v: the operator goes on, and `kubectl sip status` says how far it is", r.timeout))
			defer cancel()
			c, err := a.one(ctx, name(args))
			if err != nil {
				return err
			}
			err = p.rotated(ctx, a, c, &r, func(format string, args ...any) {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), printable(fmt.Sprintf(format, args...)))
			})
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.request, "request", "", "what to call it, as a reason; another one than the last (default the time)")
	f.BoolVar(&r.hurry, "hurry", false, "the old keys go at once, whatever calls that costs")
	f.BoolVar(&r.wait, "wait", false, "wait until it is done")
	f.DurationVar(&r.timeout, "timeout", 30*time.Minute, "how long to wait")
	return cmd
}

func (p *plugin) rotated(ctx context.Context, a *api, c *v1alpha1.SIPCluster, r *rotation, say func(string, ...any)) error {
	if r.over(c.Status.Keys) && (c.Status.Signer == nil || r.over(c.Status.Signer)) {
		return fmt.Errorf("request %q was carried out before: give another one", r.request)
	}
	annotations := map[string]string{v1alpha1.AnnotationRotateKeys: r.request}
	if r.hurry {
		annotations[v1alpha1.AnnotationRetireKeysNow] = r.request
	}
	change, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": annotations}})
	if err != nil {
		return err
	}
	if err := a.patch(ctx, c, change); err != nil {
		return err
	}
	say("SIPCluster %s/%s is asked to rotate its keys, request %q", c.Namespace, c.Name, r.request)
	if c.Spec.Paused {
		say("Warning: spec.paused is true: nothing happens until it is false")
	}
	if k := c.Status.Keys; k != nil && k.Phase != phaseCurrent && k.Request != r.request {
		say("Another rotation is under way, request %q: this one begins after it", k.Request)
	}
	if !r.wait {
		return nil
	}
	last := ""
	for {
		now, err := a.named(ctx, c.Name)
		if err != nil {
			return err
		}
		line := "Keys: " + progress(now.Status.Keys) + "; signing keys: " + progress(now.Status.Signer)
		if line != last {
			last = line
			say("%s", line)
		}
		if r.done(now.Status.Keys) && r.done(now.Status.Signer) {
			say("Done")
			return nil
		}
		if err := pause(ctx, p.Tick); err != nil {
			return err
		}
	}
}

// Phases of a rotation.
const (
	phaseCurrent  v1alpha1.KeysPhase = "Current"
	phaseRetiring v1alpha1.KeysPhase = "Retiring"
)

// done: the new keys sign everywhere, and the old ones are gone where that was wanted.
func (r *rotation) done(k *v1alpha1.KeysStatus) bool {
	return k != nil && k.Request == r.request && (k.Phase == phaseCurrent || k.Phase == phaseRetiring && !r.hurry)
}

// over: the request was carried out, and nothing is left of it to do.
func (r *rotation) over(k *v1alpha1.KeysStatus) bool {
	return k != nil && k.Request == r.request && k.Phase == phaseCurrent
}

func progress(k *v1alpha1.KeysStatus) string {
	if k == nil {
		return "none rotated yet"
	}
	return keysLine(k)
}
