package kubectl

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/api/v1alpha1"
)

// explanation is what `explain` says.
type explanation struct {
	Cluster  string   `json:"cluster"`
	Failover failover `json:"failover"`
	// Timeline of all that happened from the first notice until the member was back.
	Timeline []entry `json:"timeline"`
	// Summary in words.
	Summary []string `json:"summary"`
	Missing []string `json:"missing,omitempty"`
}

func (p *plugin) explain() *cobra.Command {
	out := &output{}
	var last int
	cmd := &cobra.Command{
		Use:   "explain [CLUSTER]",
		Short: "Tell the last failover as a timeline: who noticed when, what moved, how long it took",
		Long: `Tell the last failover as a timeline: who noticed when, what moved, how long it took.
It is put together of what the proxies that run remember, and of Events.`,
		Example: `  kubectl sip explain
  kubectl sip explain voice --last=2   # the one before`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: first(p.clusterNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			a, c, err := p.reach(cmd.Context(), name(args))
			if err != nil {
				return err
			}
			h, proxies, err := a.history(cmd.Context(), c)
			if err != nil {
				return err
			}
			x, err := explained(c, h, proxies, last)
			if err != nil {
				return err
			}
			return out.print(cmd.OutOrStdout(), x, func(pg *page) { x.write(pg) })
		},
	}
	out.flag(cmd)
	cmd.Flags().IntVar(&last, "last", 1, "which one: 1 is the last, 2 the one before")
	cmd.Flags().Lookup("last").NoOptDefVal = "1"
	return cmd
}

// explained tells the failover that is the last one, or so many before.
func explained(c *v1alpha1.SIPCluster, h *history, proxies []proxy, last int) (*explanation, error) {
	if last < 1 {
		return nil, fmt.Errorf("--last %d is not above 0", last)
	}
	all := failovers(proxies)
	if len(all) < last {
		err := fmt.Errorf("the proxies of SIPCluster %s know of %s: each remembers 512 events of its own process", h.Cluster, plural(len(all), "failover"))
		if len(h.Missing) > 0 {
			err = fmt.Errorf("%w (%s)", err, strings.Join(h.Missing, "; "))
		}
		return nil, err
	}
	f := all[len(all)-last]
	x := &explanation{Cluster: h.Cluster, Failover: f, Missing: h.Missing}
	x.Timeline = timeline(&f, h.Events)
	gone := f.forgotten(proxies)
	if len(gone) > 0 {
		x.Missing = append(slices.Clone(x.Missing), strings.Join(gone, ", ")+": what happened then is not remembered there (a proxy remembers 512 events of its own process)")
	}
	x.Summary = f.words(int(c.Spec.Ring.Replicas), len(proxies)-1, atOnce(all, len(all)-last), gone)
	if s := c.Status.LastFailover; f.is(s) {
		x.Summary = append(x.Summary, fmt.Sprintf("The status has of it, by all that saw it: %s, out of the ring within %d ms, %s re-homed.", s.Cause, s.Milliseconds, plural(int(s.RehomedBindings), "binding")))
	}
	x.Summary = append(x.Summary, losses(proxies)...)
	return x, nil
}

// Bounds of a timeline: what is shown of a member that does not come back, and what
// was written after the last thing happened.
const (
	aftermath = 30 * time.Second
	slack     = 2 * time.Second
)

// timeline is what has to do with the failover.
func timeline(f *failover, events []entry) (all []entry) {
	end := f.Time.Add(aftermath)
	if f.Back != nil {
		end = f.Time.Add(time.Duration(*f.Back)*time.Millisecond + slack)
	}
	for _, e := range events {
		its := e.Object == "Pod/"+f.Member
		from := f.Time
		if its { // the kubelet's clock has seconds, and a pod ends before anybody notices
			from = from.Add(-slack)
		}
		if e.Time.Before(from) || e.Time.After(end) || strings.HasPrefix(e.Object, "Pod/") && !its {
			continue
		}
		all = append(all, e)
	}
	return all
}

// atOnce is how many members were lost at about the same time as that one, itself
// among them.
func atOnce(all []failover, i int) int {
	var members []string
	for _, f := range all {
		if f.Time.Sub(all[i].Time).Abs() < together && !slices.Contains(members, f.Member) {
			members = append(members, f.Member)
		}
	}
	return len(members)
}

// words sum up a failover in a cluster that keeps so many copies, has so many other
// proxies, and lost so many at once. What those saw that are gone is not known.
func (f *failover) words(copies, others, lost int, gone []string) (lines []string) {
	var noticed, went, moved []string
	for _, n := range f.Noticed {
		noticed = append(noticed, fmt.Sprintf("%s after %d ms (%s)", n.By, n.Milliseconds, n.Cause))
	}
	for _, r := range f.Rings {
		went = append(went, fmt.Sprintf("%s after %d ms", r.By, r.Milliseconds))
		if r.Rehomed > 0 {
			moved = append(moved, fmt.Sprintf("%d to %s", r.Rehomed, r.By))
		}
	}
	unknown := ""
	if len(gone) > 0 {
		unknown = fmt.Sprintf(" (what %s saw is not known)", strings.Join(gone, ", "))
	}
	lines = append(lines,
		fmt.Sprintf("%d of %d others noticed%s: %s.", len(f.Noticed), others, unknown, strings.Join(noticed, ", ")),
		fmt.Sprintf("They had a ring without %s: %s.", f.Member, strings.Join(went, ", ")))
	if len(moved) > 0 {
		lines = append(lines, fmt.Sprintf("%s got another home: %s.", plural(f.Rehomed, "binding"), strings.Join(moved, ", ")))
	} else {
		lines = append(lines, "No binding had to get another home.")
	}
	if f.Back != nil {
		lines = append(lines, fmt.Sprintf("%s was in every ring again after %v.", f.Member, (time.Duration(*f.Back)*time.Millisecond).String()))
	} else {
		lines = append(lines, fmt.Sprintf("%s is not in every ring again.", f.Member))
	}
	return append(lines,
		fmt.Sprintf("Phones: a request that %s had taken, or that waited for it, was answered only when the phone sent it again, "+
			"which it does after 500 ms (RFC 3261 17.1.1.2); from %d ms on others answered for it.", f.Member, f.Milliseconds),
		f.kept(copies, lost))
}

// kept says what became of registrations.
func (f *failover) kept(copies, lost int) string {
	switch {
	case copies <= 1:
		return fmt.Sprintf("Registrations: the cluster keeps each once (spec.ring.replicas is %d), so what %s held was gone until its phones registered again.", copies, f.Member)
	case lost >= copies:
		return fmt.Sprintf("Registrations: %d members were lost at about the same time, and the cluster keeps %d copies: what only these members held was gone until its phones registered again.", lost, copies)
	}
	return fmt.Sprintf("Registrations: the cluster keeps %d copies on different members, so the others had what %s held, and no phone had to register again.", copies, f.Member)
}

func (x *explanation) write(p *page) {
	p.line("SIPCluster %s lost %s on %s.", x.Cluster, x.Failover.Member, moment(x.Failover.Time))
	for _, m := range x.Missing {
		p.line("Warning: %s", m)
	}
	p.line("")
	rows := [][]string{{"AFTER", "TIME", "WHO", "WHAT"}}
	for _, e := range x.Timeline {
		text := e.Text
		if e.Object != "" {
			text = e.Kind + ": " + text
		}
		rows = append(rows, []string{fmt.Sprintf("%d ms", e.Time.Sub(x.Failover.Time).Milliseconds()), clock(e.Time), e.Who, text})
	}
	p.table(rows...)
	p.line("")
	for _, s := range x.Summary {
		p.line("%s", s)
	}
	p.line("Times are of each one's own clock; those of Events have no more than seconds where the kubelet wrote them.")
}
