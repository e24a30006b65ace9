package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/control"
	"github.com/sipring/sipring/proxy/control/answers"
)

// Where returns the command that says where an address-of-record belongs.
func Where() *cobra.Command {
	q := &question{}
	cmd := &cobra.Command{
		Use:   "where AOR",
		Short: "Say which member is home of an address-of-record, and what this proxy has of it",
		Long: `Say which member is home of an address-of-record (its updates are ordered there),
which hold copies, and what the proxy that is asked has of it.`,
		Example: `  sipring where sip:bob@example.com
  sipring where bob@example.com -o json`,
	}
	return q.command(cmd, 1, 1, func(ctx context.Context, c *control.Client, args []string, out io.Writer) error {
		where, err := c.Where(ctx, args[0])
		if err != nil {
			return err
		}
		return q.print(out, where, func(out io.Writer) error { return printWhere(out, where) })
	})
}

func printWhere(out io.Writer, w *answers.Where) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) { _, _ = fmt.Fprintf(t, "%s\t%s\n", name, value) }
	row("AOR", printable(w.AOR))
	row("Partition", fmt.Sprintf("%d, epoch %d", w.Partition, w.Epoch))
	row("Home", cmp.Or(printable(w.Home), "none"))
	row("Replicas", cmp.Or(printable(strings.Join(w.Replicas, ", ")), "none"))
	if err := t.Flush(); err != nil {
		return err
	}
	if w.Held == nil {
		_, err := fmt.Fprintf(out, "\n%s has nothing of this partition.\n", printable(w.Member))
		return err
	}
	what := map[string]string{"home": "is its home", "replica": "holds a copy", "none": "still has what others own"}[w.Held.Role]
	if _, err := fmt.Fprintf(out, "\n%s %s, with %d bindings.\n", printable(w.Member), what, len(w.Held.Bindings)); err != nil {
		return err
	}
	return printBindings(out, w.Held.Bindings)
}

func printBindings(out io.Writer, all []answers.Binding) error {
	if len(all) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "CONTACT\tEXPIRES\tREGISTERED\tRECEIVED\tQ")
	for i := range all {
		b := &all[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s ago\t%s\t%g\n", printable(b.Contact), seconds(int64(b.ExpiresSeconds)),
			seconds(b.RegisteredSecondsAgo), cmp.Or(printable(b.Received), "-"), b.Q)
	}
	return t.Flush()
}

func seconds(n int64) string { return (time.Duration(n) * time.Second).String() }
