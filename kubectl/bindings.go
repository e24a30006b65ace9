package kubectl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/sipring/sipring/proxy/control/answers"
)

// Bounds of a list.
const (
	pageLimit   = 500
	bindingsMax = 100_000
)

// bindingsReport is a list of addresses-of-record, each from its home.
type bindingsReport struct {
	Items []boundAOR `json:"items"`
	// Next is what --after takes to go on; empty at the end.
	Next    string   `json:"next,omitempty"`
	Missing []string `json:"missing,omitempty"`
}

type boundAOR struct {
	Member string `json:"member"`
	answers.Item
}

// list is what is asked for.
type list struct {
	glob, member, after string
	limit               int
}

func (p *plugin) bindings() *cobra.Command {
	out, l := &output{}, list{}
	cmd := &cobra.Command{
		Use:   "bindings",
		Short: "List what is registered, member by member",
		Long: `List what is registered: each address-of-record from the member that is its home, and
member by member. What is registered meanwhile may or may not be in the list.`,
		Example: `  kubectl sip bindings --aor 'sip:+4930*@example.com'
  kubectl sip bindings --member voice-1 --limit 50 -o json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(out.check(), l.check()); err != nil {
				return err
			}
			a, pods, err := p.members(cmd.Context())
			if err != nil {
				return err
			}
			r, err := a.bindings(cmd.Context(), pods, l)
			if err != nil {
				return err
			}
			return out.print(cmd.OutOrStdout(), r, func(pg *page) { r.write(pg, out.wide()) })
		},
	}
	out.flag(cmd)
	f := cmd.Flags()
	f.StringVar(&l.glob, "aor", "", "only those that match: * stands for any characters, ? for one (default all)")
	f.StringVar(&l.member, "member", "", "only those whose home this member is (default all)")
	f.IntVar(&l.limit, "limit", pageLimit, fmt.Sprintf("how many addresses-of-record at most, 1 to %d", bindingsMax))
	f.StringVar(&l.after, "after", "", "go on after the list that ended with this")
	_ = cmd.RegisterFlagCompletionFunc("member", p.podNames)
	return p.ofCluster(cmd)
}

func (l *list) check() error {
	if l.limit < 1 || l.limit > bindingsMax {
		return fmt.Errorf("--limit %d is not in 1..%d", l.limit, bindingsMax)
	}
	return nil
}

// bindings asks the members in the order of their pods. One that does not answer is
// left out, and said; if none does that is an error.
func (a *api) bindings(ctx context.Context, pods []corev1.Pod, l list) (*bindingsReport, error) {
	if l.member != "" {
		pod := podNamed(pods, l.member)
		if pod == nil {
			return nil, fmt.Errorf("there is no pod %s of this cluster", l.member)
		}
		pods = []corev1.Pod{*pod}
	}
	token := ""
	if l.after != "" {
		var member string
		member, token, _ = strings.Cut(l.after, "/")
		for len(pods) > 0 && pods[0].Name != member {
			pods = pods[1:]
		}
		if len(pods) == 0 {
			return nil, fmt.Errorf("--after %q is not what a list of these members ended with", l.after)
		}
	}
	r := &bindingsReport{Items: []boundAOR{}}
	var faults error
	asked := 0
	for i := range pods {
		if len(r.Items) == l.limit {
			r.Next = pods[i].Name + "/"
			break
		}
		asked++
		err := a.homed(ctx, &pods[i], l, token, r)
		token = ""
		var lack *lackError
		if errors.As(err, &lack) || ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			faults = errors.Join(faults, err)
			r.Missing = append(r.Missing, err.Error())
		}
		if r.Next != "" {
			break
		}
	}
	if len(r.Missing) == asked && asked > 0 {
		return nil, faults
	}
	return r, nil
}

// homed adds what a member is home of, from the token on, up to the limit.
func (a *api) homed(ctx context.Context, pod *corev1.Pod, l list, token string, r *bindingsReport) error {
	for {
		left := l.limit - len(r.Items)
		answer := &answers.Page{}
		err := a.ask(ctx, pod, answer, "bindings", "-o", formatJSON, "--aor="+l.glob, fmt.Sprintf("--limit=%d", min(left, pageLimit)), "--after="+token)
		if err != nil {
			return err
		}
		if len(answer.Items) > left {
			return fmt.Errorf("%s: it answered with more than it was asked for", pod.Name)
		}
		for _, item := range answer.Items {
			r.Items = append(r.Items, boundAOR{pod.Name, item})
		}
		switch {
		case answer.Next == "":
			return nil
		case answer.Next == token:
			return fmt.Errorf("%s: its list does not go on after %q", pod.Name, token)
		case len(r.Items) == l.limit:
			r.Next = pod.Name + "/" + answer.Next
			return nil
		}
		token = answer.Next
	}
}

func (r *bindingsReport) write(p *page, wide bool) {
	for _, m := range r.Missing {
		p.line("Warning: %s", m)
	}
	if len(r.Items) == 0 {
		p.line("Nothing that matches is registered.")
		return
	}
	rows := [][]string{append([]string{"MEMBER", "AOR"}, bindingHead(wide)...)}
	for _, item := range r.Items {
		for i := range item.Bindings {
			rows = append(rows, append([]string{item.Member, item.AOR}, bindingRow(&item.Bindings[i], wide)...))
		}
	}
	p.table(rows...)
	if r.Next != "" {
		p.line("More: --after %s", r.Next)
	}
}
