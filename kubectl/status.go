package kubectl

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// clusterReport is what `status` says of one SIPCluster.
type clusterReport struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Ready     string `json:"ready"`
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
	Epoch     int64  `json:"epoch"`
	Active    int32  `json:"activeMembers"`
	Total     int32  `json:"totalMembers"`
	// Bindings by their homes, and the copies beside those, of so many members.
	Bindings     int                  `json:"bindings"`
	Copies       int                  `json:"copies"`
	Answered     int                  `json:"answered"`
	Members      []memberReport       `json:"members"`
	LastFailover *failover            `json:"lastFailover,omitempty"`
	Keys         *v1alpha1.KeysStatus `json:"keys,omitempty"`
	Signer       *v1alpha1.KeysStatus `json:"signer,omitempty"`
	Warnings     []string             `json:"warnings,omitempty"`
}

// memberReport is a pod, what the operator published of it, and what it says of itself.
type memberReport struct {
	Name          string `json:"name"`
	State         string `json:"state"`
	SharePermille int32  `json:"sharePermille"`
	Address       string `json:"address,omitempty"`
	Node          string `json:"node,omitempty"`
	Zone          string `json:"zone,omitempty"`
	Restarts      int32  `json:"restarts"`
	// Answers: what follows is known.
	Answers      bool   `json:"answers"`
	Ready        bool   `json:"ready"`
	NotReady     string `json:"notReady,omitempty"`
	Epoch        uint64 `json:"epoch,omitempty"`
	Home         int    `json:"homeBindings"`
	Copies       int    `json:"copies"`
	Transactions int    `json:"transactions"`
	Version      string `json:"version,omitempty"`
}

func (p *plugin) status() *cobra.Command {
	out := &output{}
	var everywhere bool
	cmd := &cobra.Command{
		Use:   "status [CLUSTER]",
		Short: "Show clusters: their members, shares, registrations, the last failover and what is wrong",
		Example: `  kubectl sip status
  kubectl sip status voice -o wide
  kubectl sip status -A -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: first(p.clusterNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			if everywhere && len(args) > 0 {
				return fmt.Errorf("a name and --all-namespaces: give one of them")
			}
			a, err := p.api()
			if err != nil {
				return err
			}
			reports, err := a.reports(cmd.Context(), args, everywhere)
			if err != nil {
				return err
			}
			var v any = map[string]any{"items": reports}
			if len(args) > 0 {
				v = reports[0]
			}
			return out.print(cmd.OutOrStdout(), v, func(pg *page) {
				for i := range reports {
					if i > 0 {
						pg.line("")
					}
					reports[i].write(pg, out.wide(), p.Now())
				}
			})
		},
	}
	out.flag(cmd)
	cmd.Flags().BoolVarP(&everywhere, "all-namespaces", "A", false, "those of all namespaces")
	return cmd
}

func (a *api) reports(ctx context.Context, args []string, everywhere bool) ([]clusterReport, error) {
	var clusters []v1alpha1.SIPCluster
	if len(args) > 0 {
		c, err := a.named(ctx, args[0])
		if err != nil {
			return nil, err
		}
		clusters = append(clusters, *c)
	} else {
		namespace := a.namespace
		if everywhere {
			namespace = ""
		}
		all, err := a.clusters(ctx, namespace)
		if err != nil {
			return nil, err
		}
		if len(all) == 0 {
			return nil, noCluster(namespace)
		}
		clusters = all
	}
	var reports []clusterReport
	for i := range clusters {
		reports = append(reports, a.report(ctx, &clusters[i]))
	}
	return reports, nil
}

// report asks the pods of a cluster; what cannot be had is among its warnings.
func (a *api) report(ctx context.Context, c *v1alpha1.SIPCluster) clusterReport {
	r := clusterReport{
		Namespace: c.Namespace, Name: c.Name, Ready: string(metav1.ConditionUnknown),
		Epoch: c.Status.Epoch, Active: c.Status.ActiveMembers, Total: c.Status.TotalMembers,
		Keys: c.Status.Keys, Signer: c.Status.Signer,
	}
	if ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		r.Ready, r.Reason, r.Message = string(ready.Status), ready.Reason, ready.Message
	}
	r.Warnings = append(a.unattended(ctx, c), bad(c.Status.Conditions)...)
	pods, err := a.pods(ctx, c)
	if err != nil {
		r.Warnings = append(r.Warnings, err.Error())
	} else if len(pods) == 0 {
		r.Warnings = append(r.Warnings, "there are no pods")
	}
	proxies := a.askProxies(ctx, pods)
	r.Warnings = append(r.Warnings, silent(proxies)...)
	r.Warnings = append(r.Warnings, differ(proxies)...)
	r.Warnings = append(r.Warnings, losses(proxies)...)
	r.Members = memberReports(c, proxies)
	for _, m := range r.Members {
		r.Bindings += m.Home
		r.Copies += m.Copies
		if m.Answers {
			r.Answered++
		}
	}
	r.LastFailover = lastFailover(c.Status.LastFailover, failovers(proxies))
	return r
}

// bad are the conditions that say that something is wrong, but those that say what
// Ready does, which stands in the head.
func bad(conditions []metav1.Condition) (warnings []string) {
	ready := metav1.Condition{}
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); c != nil {
		ready = *c
	}
	wrong := map[string]metav1.ConditionStatus{
		v1alpha1.ConditionAvailable:          metav1.ConditionFalse,
		v1alpha1.ConditionDegraded:           metav1.ConditionTrue,
		v1alpha1.ConditionStalled:            metav1.ConditionTrue,
		v1alpha1.ConditionPaused:             metav1.ConditionTrue,
		v1alpha1.ConditionAuthenticationOpen: metav1.ConditionTrue,
	}
	for _, c := range conditions {
		said := ready.Status == metav1.ConditionFalse && ready.Message == c.Message
		if status, ok := wrong[c.Type]; ok && c.Status == status && !said {
			warnings = append(warnings, fmt.Sprintf("%s is %s: %s: %s", c.Type, c.Status, c.Reason, c.Message))
		}
	}
	return warnings
}

// differ says where members that answer have another ring or member set in force than
// others: in one that serves, that lasts for milliseconds.
func differ(all []proxy) (warnings []string) {
	rings, epochs := map[string][]string{}, map[uint64][]string{}
	for i := range all {
		x := &all[i]
		if x.err != nil || len(x.status.Members) == 0 {
			continue
		}
		var ring []string
		for _, m := range x.status.Members {
			if m.InRing {
				ring = append(ring, m.Name)
			}
		}
		slices.Sort(ring)
		key := strings.Join(ring, ", ")
		rings[key] = append(rings[key], x.pod.Name)
		epochs[x.status.Epoch] = append(epochs[x.status.Epoch], x.pod.Name)
	}
	if len(rings) > 1 {
		warnings = append(warnings, "the rings of the members differ: "+told(rings, func(k string) string { return "(" + k + ")" }))
	}
	if len(epochs) > 1 {
		warnings = append(warnings, "the member sets in force differ: "+told(epochs, func(k uint64) string { return fmt.Sprintf("epoch %d", k) }))
	}
	return warnings
}

func told[K comparable](views map[K][]string, name func(K) string) string {
	var parts []string
	for k, members := range views {
		parts = append(parts, name(k)+" on "+strings.Join(members, ", "))
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// memberReports has the members that the operator published, and pods that are none yet.
func memberReports(c *v1alpha1.SIPCluster, proxies []proxy) []memberReport {
	rows := map[string]*memberReport{}
	for _, m := range c.Status.Members {
		rows[m.Name] = &memberReport{Name: m.Name, State: string(m.State), SharePermille: m.SharePermille, Address: m.Address, Node: m.Node, Zone: m.Zone}
	}
	for i := range proxies {
		x := &proxies[i]
		row := rows[x.pod.Name]
		if row == nil {
			row = &memberReport{Name: x.pod.Name, State: "no member", Address: x.pod.Status.PodIP, Node: x.pod.Spec.NodeName}
			rows[x.pod.Name] = row
		}
		row.Restarts = restarts(x.pod)
		if x.err != nil {
			continue
		}
		s := &x.status
		row.Answers, row.Ready, row.NotReady, row.Epoch = true, s.Ready, s.NotReady, s.Epoch
		row.Home, row.Copies, row.Transactions, row.Version = s.Bindings.Home, s.Bindings.Replica, s.Transactions, s.Version
	}
	var all []memberReport
	for _, row := range rows {
		all = append(all, *row)
	}
	slices.SortFunc(all, func(x, y memberReport) int { return byOrdinal(c.Name, x.Name, y.Name) })
	return all
}

func restarts(pod *corev1.Pod) int32 {
	for _, s := range slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses) { // a native sidecar is among the latter
		if s.Name == desired.Container {
			return s.RestartCount
		}
	}
	return 0
}
