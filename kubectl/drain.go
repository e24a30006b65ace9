package kubectl

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/proxy/config"
)

func (p *plugin) drain() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "drain POD",
		Short: "Have a proxy hand over and leave, as far as the PodDisruptionBudget lets it",
		Long: `Have a proxy hand over what it is home of, and leave: its pod is evicted. While the
PodDisruptionBudget does not allow it this waits, and asks again. It ends when the pod
is gone. The StatefulSet makes another pod of the name: to keep it off a node, cordon
the node before.`,
		Example:           `  kubectl sip drain voice-1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: first(p.podNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.api()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), timeout, fmt.Errorf("not done within %v", timeout))
			defer cancel()
			d := &draining{api: a, tick: p.Tick, now: p.Now, say: func(format string, args ...any) {
				_, _ = fmt.Fprintln(cmd.OutOrStdout(), printable(fmt.Sprintf(format, args...)))
			}}
			if err := d.run(ctx, args[0]); err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return err
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 10*time.Minute, "how long to wait")
	return cmd
}

// draining is one pod on its way out.
type draining struct {
	api  *api
	tick time.Duration
	now  func() time.Time
	say  func(format string, args ...any)
	last string // as told last
}

func (d *draining) run(ctx context.Context, name string) error {
	pod, err := d.api.kube.CoreV1().Pods(d.api.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return lacks(err, "get", "pods", d.api.namespace)
	}
	cluster := pod.Labels[config.LabelCluster]
	if cluster == "" {
		return fmt.Errorf("pod %s/%s is no proxy of a SIPCluster", pod.Namespace, pod.Name)
	}
	if err := d.evict(ctx, pod); err != nil {
		return err
	}
	began := d.now()
	for {
		gone, err := d.look(ctx, pod, cluster)
		if err != nil {
			return err
		}
		if gone {
			break
		}
		if err := pause(ctx, d.tick); err != nil {
			return err
		}
	}
	d.say("%s is gone after %v", name, d.now().Sub(began).Round(100*time.Millisecond))
	if c, err := d.api.named(ctx, cluster); err == nil {
		d.say("The ring of %s has %d of %s, epoch %d", cluster, c.Status.ActiveMembers, plural(int(c.Status.TotalMembers), "member"), c.Status.Epoch)
	}
	return nil
}

// evict asks until it is allowed.
func (d *draining) evict(ctx context.Context, pod *corev1.Pod) error {
	for {
		err := d.api.kube.PolicyV1().Evictions(pod.Namespace).Evict(ctx, &policyv1.Eviction{
			ObjectMeta:    metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace},
			DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &pod.UID}},
		})
		switch {
		case err == nil:
			d.tell(fmt.Sprintf("%s is evicted", pod.Name))
			return nil
		case !apierrors.IsTooManyRequests(err):
			return lacks(err, "create", "pods/eviction", pod.Namespace)
		}
		d.tell(fmt.Sprintf("%s may not leave yet: %v", pod.Name, err))
		if err := pause(ctx, 5*d.tick); err != nil {
			return err
		}
	}
}

// look tells how far it is.
func (d *draining) look(ctx context.Context, pod *corev1.Pod, cluster string) (gone bool, err error) {
	now, err := d.api.kube.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), err == nil && now.UID != pod.UID:
		return true, nil
	case err != nil:
		return false, lacks(err, "get", "pods", pod.Namespace)
	}
	line := pod.Name + " is " + d.state(ctx, pod.Name, cluster)
	var status proxyStatus
	if err := d.api.askAdmin(ctx, now, pageStatus, &status); err == nil {
		line += fmt.Sprintf(", home of %s, and holds %d copies", plural(status.Bindings.Home, "binding"), status.Bindings.Replica)
	}
	d.tell(line)
	return false, nil
}

// state of the member as the operator published it.
func (d *draining) state(ctx context.Context, pod, cluster string) string {
	c, err := d.api.named(ctx, cluster)
	if err != nil {
		return "on its way out"
	}
	for _, m := range c.Status.Members {
		if m.Name == pod {
			return string(m.State)
		}
	}
	return "out of the member set"
}

// tell says what was not just said.
func (d *draining) tell(line string) {
	if line != d.last {
		d.last = line
		d.say("%s", line)
	}
}

// pause waits, or returns why there is no more waiting.
func pause(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// errStopped is what a question ends with that nobody said yes to.
var errStopped = errors.New("not done: it was not confirmed")
