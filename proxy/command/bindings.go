package command

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/control"
	"github.com/sipring/sipring/proxy/control/answers"
)

// Bindings returns the command that lists what is registered.
func Bindings() *cobra.Command {
	q := &question{}
	var glob, after string
	var limit int
	cmd := &cobra.Command{
		Use:   "bindings",
		Short: "List what is registered, of the addresses-of-record whose home this proxy is",
		Long: `List the addresses-of-record whose home this proxy is, in their order, with their
bindings. Every one has one home, so the lists of all members are the whole.

A list has pages: the last line, or "next" of the JSON, is what to give to --after.`,
		Example: `  sipring bindings --aor 'sip:+4930*@example.com'
  sipring bindings --limit 100 -o json`,
	}
	f := cmd.Flags()
	f.StringVar(&glob, "aor", "", "only those that match: * stands for any characters, ? for one (default all)")
	f.IntVar(&limit, "limit", control.DefaultLimit, fmt.Sprintf("how many at most, 1 to %d", control.MaxLimit))
	f.StringVar(&after, "after", "", "go on after the page that ended with this")
	return q.command(cmd, 0, 0, func(ctx context.Context, c *control.Client, _ []string, out io.Writer) error {
		if limit < 1 || limit > control.MaxLimit {
			return usageError{fmt.Errorf("--limit %d is not in 1..%d", limit, control.MaxLimit)}
		}
		page, err := c.Bindings(ctx, glob, after, limit)
		if err != nil {
			return err
		}
		return q.print(out, page, func(out io.Writer) error { return printPage(out, page) })
	})
}

func printPage(out io.Writer, page *answers.Page) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(page.Items) > 0 {
		_, _ = fmt.Fprintln(t, "AOR\tCONTACT\tEXPIRES\tREGISTERED")
	}
	for _, item := range page.Items {
		for i := range item.Bindings {
			b := &item.Bindings[i]
			_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s ago\n", printable(item.AOR), printable(b.Contact), seconds(int64(b.ExpiresSeconds)), seconds(b.RegisteredSecondsAgo))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	switch {
	case page.Next != "":
		_, err := fmt.Fprintf(out, "\nMore: --after %s\n", page.Next)
		return err
	case len(page.Items) == 0:
		_, err := fmt.Fprintf(out, "%s is home of none of them.\n", printable(page.Member))
		return err
	}
	return nil
}
