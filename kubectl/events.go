package kubectl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// entry is one line of the history of a cluster.
type entry struct {
	Time time.Time `json:"time"`
	// Who says so: a pod, for what its proxy saw, or what wrote an Event.
	Who string `json:"who"`
	// Kind is that of a proxy's event or the reason of an Event.
	Kind string `json:"kind"`
	// Object is what an Event is about: SIPCluster/NAME, Pod/NAME.
	Object string `json:"object,omitempty"`
	// Type of an Event: Normal or Warning.
	Type string `json:"type,omitempty"`
	Text string `json:"text"`
	// Count of an Event that happened again and again; the time is that of the last one.
	Count int32 `json:"count,omitempty"`
}

// history is what `events` says.
type history struct {
	Cluster string   `json:"cluster"`
	Events  []entry  `json:"events"`
	Missing []string `json:"missing,omitempty"`
}

func (p *plugin) events() *cobra.Command {
	out := &output{}
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "events [CLUSTER]",
		Short: "Show what happened: Events of a cluster and its objects, and what its proxies saw, by time",
		Long: `Show what happened: Events of a cluster and its objects, and what its proxies saw.
Each proxy remembers 512 events of its own process, by the clock of its node.`,
		Example: `  kubectl sip events --since 10m
  kubectl sip events voice -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: first(p.clusterNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			if since <= 0 {
				return fmt.Errorf("--since %v is not above 0", since)
			}
			a, c, err := p.reach(cmd.Context(), name(args))
			if err != nil {
				return err
			}
			h, _, err := a.history(cmd.Context(), c)
			if err != nil {
				return err
			}
			from := p.Now().Add(-since)
			h.Events = slices.DeleteFunc(h.Events, func(e entry) bool { return e.Time.Before(from) })
			return out.print(cmd.OutOrStdout(), h, func(pg *page) { h.write(pg, out.wide(), since) })
		},
	}
	out.flag(cmd)
	cmd.Flags().DurationVar(&since, "since", time.Hour, "how far back")
	return cmd
}

// name is the argument, if there is one.
func name(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (h *history) write(p *page, wide bool, since time.Duration) {
	for _, m := range h.Missing {
		p.line("Warning: %s", m)
	}
	if len(h.Events) == 0 {
		p.line("Nothing happened to SIPCluster %s within %v.", h.Cluster, since)
		return
	}
	head := []string{"TIME", "WHO", "EVENT", "WHAT"}
	if wide {
		head = []string{"TIME", "WHO", "TYPE", "EVENT", "OBJECT", "COUNT", "WHAT"}
	}
	rows := [][]string{head}
	for _, e := range h.Events {
		row := []string{moment(e.Time), e.Who, e.Kind, e.Text}
		if wide {
			row = []string{moment(e.Time), e.Who, e.Type, e.Kind, e.Object, fmt.Sprint(max(e.Count, 1)), e.Text}
		}
		rows = append(rows, row)
	}
	p.table(rows...)
}

// history is all that is known, oldest first, and what the proxies said. Without the
// right to read Events, or to ask the proxies, the rest is still shown.
func (a *api) history(ctx context.Context, c *v1alpha1.SIPCluster) (*history, []proxy, error) {
	pods, err := a.pods(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	h := &history{Cluster: c.Namespace + "/" + c.Name}
	if len(pods) == 0 {
		h.Missing = append(h.Missing, "there are no pods")
	}
	proxies := a.askProxies(ctx, pods)
	h.Missing = append(h.Missing, silent(proxies)...)
	names := memberNames(proxies)
	for i := range proxies {
		for k := range proxies[i].events {
			h.Events = append(h.Events, seen(proxies[i].pod.Name, &proxies[i].events[k], names))
		}
	}
	list, err := a.kube.CoreV1().Events(c.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		h.Missing = append(h.Missing, "no Events: "+lacks(err, "list", "events", c.Namespace).Error())
	} else {
		h.Events = append(h.Events, recorded(c, list.Items)...)
	}
	slices.SortStableFunc(h.Events, func(x, y entry) int { return x.Time.Compare(y.Time) })
	return h, proxies, nil
}

// seen is an event of a proxy in words.
func seen(pod string, e *proxyEvent, names map[uint32]string) entry {
	return entry{Time: e.time(), Who: pod, Kind: e.Kind, Text: words(e, names)}
}

func words(e *proxyEvent, names map[uint32]string) string {
	member := names[e.Member]
	if member == "" {
		member = fmt.Sprintf("member %d", e.Member)
	}
	switch e.Kind {
	case "peer_up":
		return "has a stream to " + member
	case "peer_lost":
		return "lost " + member + ": " + e.Detail
	case "ring_changed":
		return "has another ring in force, of " + e.Detail
	case "rehomed":
		return "became home of " + plural(e.Count, "binding")
	case "repaired":
		return "is home of bindings that all have their copies again, " + e.Detail
	case "synced":
		return "holds all that it owns"
	case "unsynced":
		return "fetches what it owns"
	case "members":
		return fmt.Sprintf("has the member set of epoch %d in force, of %s", e.Epoch, plural(e.Count, "member"))
	case "draining":
		return "hands over and leaves"
	case "stuck":
		return "makes no steps, and lets others serve: " + e.Detail
	case "sound":
		return "makes steps again"
	}
	return strings.TrimSpace(e.Kind + " " + e.Detail)
}

// recorded are the Events of a cluster and of its objects. What the operator says of a
// member it says twice, on the cluster and on the pod: that is one entry.
func recorded(c *v1alpha1.SIPCluster, events []corev1.Event) (all []entry) {
	type said struct{ reason, note string }
	before := map[said]time.Time{}
	for i := range events {
		e := &events[i]
		if !isOf(c, &e.InvolvedObject) {
			continue
		}
		x := entry{
			Time: when(e), Who: writer(e), Kind: e.Reason, Type: e.Type, Text: e.Message,
			Object: e.InvolvedObject.Kind + "/" + e.InvolvedObject.Name, Count: e.Count,
		}
		if e.Series != nil {
			x.Count = e.Series.Count
		}
		key := said{e.Reason, e.Message}
		if at, ok := before[key]; ok && x.Time.Sub(at).Abs() < time.Second {
			continue
		}
		before[key] = x.Time
		all = append(all, x)
	}
	return all
}

// isOf: the object is the cluster, or made for it.
func isOf(c *v1alpha1.SIPCluster, o *corev1.ObjectReference) bool {
	switch o.Kind {
	case v1alpha1.Kind, "StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy":
		return o.Name == c.Name || o.Name == desired.PeerServiceName(c.Name)
	case "Pod":
		_, ours := desired.Ordinal(c.Name, o.Name)
		return ours
	case "ConfigMap", "Secret":
		return slices.Contains([]string{desired.MembersName(c.Name), desired.TrustName(c.Name), desired.KeysName(c.Name), desired.SignerName(c.Name)}, o.Name)
	}
	return false
}

// when the Event happened last.
func when(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	}
	return e.CreationTimestamp.Time
}

func writer(e *corev1.Event) string {
	if e.ReportingController != "" {
		return e.ReportingController
	}
	return e.Source.Component
}
