package kubectl

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/proxy/control/answers"
)

// whereReport is where an address-of-record belongs, and what each has of it that is to.
type whereReport struct {
	AOR       string   `json:"aor"`
	Partition int      `json:"partition"`
	Epoch     uint64   `json:"epoch"`
	Home      string   `json:"home"`
	Replicas  []string `json:"replicas"`
	// Holders are the members that were asked and have the partition.
	Holders []holder `json:"holders"`
	Missing []string `json:"missing,omitempty"`
}

// holder is what one member has.
type holder struct {
	Member   string            `json:"member"`
	Role     string            `json:"role"`
	Bindings []answers.Binding `json:"bindings"`
}

func (p *plugin) where() *cobra.Command {
	out := &output{}
	var all bool
	cmd := &cobra.Command{
		Use:   "where AOR",
		Short: "Say which member is home of an address-of-record, and what it and the replicas hold",
		Example: `  kubectl sip where sip:bob@example.com
  kubectl sip where bob@example.com -o wide --all`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			a, pods, err := p.members(cmd.Context())
			if err != nil {
				return err
			}
			r, err := a.where(cmd.Context(), pods, args[0], all)
			if err != nil {
				return err
			}
			return out.print(cmd.OutOrStdout(), r, func(pg *page) { r.write(pg, out.wide()) })
		},
	}
	out.flag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "ask every member what it has, not only home and the replicas")
	return p.ofCluster(cmd)
}

// where asks one member where it belongs, and then those what they have of it.
func (a *api) where(ctx context.Context, pods []corev1.Pod, aor string, all bool) (*whereReport, error) {
	w := &answers.Where{}
	if err := a.askAny(ctx, pods, w, "where", "-o", formatJSON, "--", aor); err != nil {
		return nil, err
	}
	r := &whereReport{AOR: w.AOR, Partition: w.Partition, Epoch: w.Epoch, Home: w.Home, Replicas: w.Replicas}
	members := append([]string{w.Home}, w.Replicas...)
	if all {
		for i := range pods {
			if !slices.Contains(members, pods[i].Name) {
				members = append(members, pods[i].Name)
			}
		}
	}
	said, faults := make([]answers.Where, len(members)), make([]error, len(members))
	each(len(members), func(i int) {
		pod := podNamed(pods, members[i])
		switch {
		case members[i] == "": // a ring without members has no home
		case pod == nil:
			faults[i] = fmt.Errorf("%s: there is no such pod", members[i])
		default:
			faults[i] = a.ask(ctx, pod, &said[i], "where", "-o", formatJSON, "--", aor)
		}
	})
	for i, x := range said {
		if faults[i] != nil {
			r.Missing = append(r.Missing, faults[i].Error())
		} else if x.Held != nil {
			r.Holders = append(r.Holders, holder{Member: members[i], Role: x.Held.Role, Bindings: x.Held.Bindings})
		}
	}
	return r, nil
}

func (r *whereReport) write(p *page, wide bool) {
	p.table(
		[]string{"AOR", r.AOR},
		[]string{"Partition", fmt.Sprintf("%d, epoch %d", r.Partition, r.Epoch)},
		[]string{"Home", cmp.Or(r.Home, "none")},
		[]string{"Replicas", cmp.Or(strings.Join(r.Replicas, ", "), "none")})
	for _, m := range r.Missing {
		p.line("Warning: %s", m)
	}
	p.line("")
	rows := [][]string{append([]string{"MEMBER", "ROLE"}, bindingHead(wide)...)}
	for _, h := range r.Holders {
		for i := range h.Bindings {
			rows = append(rows, append([]string{h.Member, h.Role}, bindingRow(&h.Bindings[i], wide)...))
		}
		if len(h.Bindings) == 0 {
			rows = append(rows, []string{h.Member, h.Role, "nothing is registered"})
		}
	}
	p.table(rows...)
}

func bindingHead(wide bool) []string {
	head := []string{"CONTACT", "EXPIRES", "REGISTERED", "RECEIVED"}
	if wide {
		head = append(head, "Q", "CALL-ID", "CSEQ", "INSTANCE", "LISTENER", "OWNER")
	}
	return head
}

func bindingRow(b *answers.Binding, wide bool) []string {
	row := []string{b.Contact, seconds(int64(b.ExpiresSeconds)), seconds(b.RegisteredSecondsAgo) + " ago", b.Received}
	if wide {
		row = append(row, fmt.Sprintf("%g", b.Q), b.CallID, fmt.Sprint(b.CSeq), b.Instance, b.Listener, b.Owner)
	}
	return row
}
