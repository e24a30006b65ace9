package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/control"
)

// Unregister returns the command that removes bindings.
func Unregister() *cobra.Command {
	q := &question{}
	cmd := &cobra.Command{
		Use:   "unregister AOR [CONTACT]",
		Short: "Remove what is registered for an address-of-record, or one contact of it",
		Long: `Remove what is registered for an address-of-record, or one contact of it, as a
REGISTER with "Expires: 0" does. It is done when as many members have it as keep
copies, so no failure brings the binding back.

It forbids nothing: a phone that registers again is registered again.`,
		Example: `  sipring unregister sip:bob@example.com
  sipring unregister sip:bob@example.com sip:bob@192.0.2.7:5060`,
	}
	return q.command(cmd, 1, 2, func(ctx context.Context, c *control.Client, args []string, out io.Writer) error {
		contact := ""
		if len(args) > 1 {
			if contact = args[1]; contact == "" { // which would remove all
				return usageError{fmt.Errorf("an empty contact; usage: %s", cmd.UseLine())}
			}
		}
		removed, err := c.Unregister(ctx, args[0], contact)
		if err != nil {
			return err
		}
		return q.print(out, removed, func(out io.Writer) error {
			for _, uri := range removed.Removed {
				if _, err := fmt.Fprintf(out, "Removed %s of %s\n", printable(uri), printable(removed.AOR)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}
