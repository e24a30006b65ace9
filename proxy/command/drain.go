package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/control"
	"github.com/sipring/sipring/proxy/control/answers"
)

// Drain returns the command that has a proxy leave its cluster.
func Drain() *cobra.Command {
	q := &question{}
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "drain",
		Short: "Have the proxy leave its cluster, and wait until it has",
		Long: `Have the proxy leave its cluster, as a SIGTERM does, but without an end of the
process: it leaves the ring and hands over what it holds, and no new call goes to
the application beside it. The command waits until all is handed over and the calls
of the application have ended, and says what has changed, a line each.

Nothing takes that back but a new start of the proxy. A SIGTERM that follows ends
it at once; asked again while it drains, the command waits for the same. It is what
a preStop hook of the proxy's container runs.`,
		Example: `  sipring drain
  sipring drain --timeout 10m`,
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait, after which the proxy goes on draining and the exit code is 1 (default: without end)")
	return q.command(cmd, 0, 0, func(ctx context.Context, c *control.Client, _ []string, out io.Writer) error {
		if timeout < 0 {
			return usageError{fmt.Errorf("--timeout %s is negative", timeout)}
		}
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		var last answers.Drain
		err := c.Drain(ctx, func(now answers.Drain) error {
			before := last
			last = now
			return q.print(out, now, func(out io.Writer) error { return printDrain(out, before, now) })
		})
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
			return fmt.Errorf("not drained after %s: %s", timeout, waitsFor(last))
		}
		return err
	})
}

// printDrain says what has changed.
func printDrain(out io.Writer, before, now answers.Drain) error {
	var lines []string
	if now.HandedOver && !before.HandedOver {
		lines = append(lines, "handed over")
	}
	if now.Calls != before.Calls {
		lines = append(lines, callsAt(now.Calls))
	}
	if now.Drained {
		lines = append(lines, "drained")
	}
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

func callsAt(n int) string {
	switch n {
	case 0:
		return "no calls at the application"
	case 1:
		return "1 call at the application"
	}
	return fmt.Sprintf("%d calls at the application", n)
}

// waitsFor is what is missing.
func waitsFor(d answers.Drain) string {
	switch {
	case !d.HandedOver:
		return "others do not hold everything yet"
	case d.Calls > 0:
		return callsAt(d.Calls)
	}
	return "calls are being set up"
}
