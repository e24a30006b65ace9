package kubectl

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/control/answers"
)

func (p *plugin) unregister() *cobra.Command {
	out := &output{}
	var yes bool
	cmd := &cobra.Command{
		Use:   "unregister AOR [CONTACT]",
		Short: "Remove what is registered for an address-of-record, or one contact of it",
		Long: `Remove what is registered for an address-of-record, or one contact of it, as a
REGISTER with "Expires: 0" does. It is done when as many members have it as keep
copies, so no failure brings the binding back.

It forbids nothing: a phone that registers again is registered again.`,
		Example: `  kubectl sip unregister sip:bob@example.com
  kubectl sip unregister sip:bob@example.com sip:bob@192.0.2.7:5060 --yes`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := out.check(); err != nil {
				return err
			}
			if len(args) > 1 && args[1] == "" { // which would remove all
				return fmt.Errorf("an empty contact")
			}
			removed, err := p.remove(cmd, args, yes)
			if err != nil {
				return err
			}
			return out.print(cmd.OutOrStdout(), removed, func(pg *page) {
				for _, uri := range removed.Removed {
					pg.line("Removed %s of %s", uri, removed.AOR)
				}
			})
		},
	}
	out.flag(cmd)
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before")
	return p.ofCluster(cmd)
}

// remove has the home do it, if somebody who sees what is registered agrees.
func (p *plugin) remove(cmd *cobra.Command, args []string, yes bool) (*answers.Removed, error) {
	ctx := cmd.Context()
	a, pods, err := p.members(ctx)
	if err != nil {
		return nil, err
	}
	w, err := a.where(ctx, pods, args[0], false)
	if err != nil {
		return nil, err
	}
	if !yes {
		which := "all of them"
		if len(args) > 1 {
			which = args[1]
		}
		question := fmt.Sprintf("Registered for %s: %s.\nRemove %s?", w.AOR, w.contacts(), which)
		if !confirmed(p.Streams.In, p.Streams.ErrOut, question) {
			return nil, errStopped
		}
	}
	removed := &answers.Removed{}
	command := append([]string{"-o", formatJSON, "--"}, args...)
	if home := podNamed(pods, w.Home); home != nil {
		return removed, a.ask(ctx, home, removed, "unregister", command...)
	}
	return removed, a.askAny(ctx, pods, removed, "unregister", command...)
}

// contacts that any holder has.
func (r *whereReport) contacts() string {
	var all []string
	for _, h := range r.Holders {
		for i := range h.Bindings {
			if !slices.Contains(all, h.Bindings[i].Contact) {
				all = append(all, h.Bindings[i].Contact)
			}
		}
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// confirmed asks, and takes nothing but yes for a yes.
func confirmed(in io.Reader, out io.Writer, question string) bool {
	for line := range strings.SplitSeq(question, "\n") {
		_, _ = fmt.Fprintln(out, printable(line))
	}
	_, _ = fmt.Fprint(out, "Type yes to do it: ")
	answer, _ := bufio.NewReader(io.LimitReader(in, 256)).ReadString('\n')
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer)))
}
