package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/control"
)

// usageError is a command line that cannot be meant.
type usageError struct{ error }

// ExitCode is what the program ends with for the error of a command: 2 for a command
// line of `sipring where` and the like that cannot be meant, 1 for any other.
func ExitCode(err error) int {
	if usage := (usageError{}); errors.As(err, &usage) {
		return 2
	}
	return 1
}

// question is a command that asks a running proxy.
type question struct {
	socket, output string
}

const formatText, formatJSON = "text", "json"

// ask is the long help that such commands share.
const askHelp = `

It asks the proxy of this host or container over the Unix socket that its
configuration names as controlSocket, as the user that the proxy runs as or as
root. Exit codes: 0 done, 1 a reason on stderr, 2 a mistake on the command line.`

// command makes cmd one that asks, with the least and the most arguments that it takes.
func (q *question) command(cmd *cobra.Command, least, most int, run func(ctx context.Context, c *control.Client, args []string, out io.Writer) error) *cobra.Command {
	cmd.Long += askHelp
	cmd.SilenceUsage = true
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError{fmt.Errorf("%d arguments; usage: %s", len(args), cmd.UseLine())}
		}
		return nil
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.Flags().StringVar(&q.socket, "socket", config.ControlSocketPath, "the proxy's control socket")
	cmd.Flags().StringVarP(&q.output, "output", "o", formatText, "text or json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if q.output != formatText && q.output != formatJSON {
			return usageError{fmt.Errorf("--output %q is not text or json", q.output)}
		}
		return run(cmd.Context(), control.NewClient(q.socket), args, cmd.OutOrStdout())
	}
	return cmd
}

// print writes an answer: as JSON, or as text does.
func (q *question) print(out io.Writer, v any, text func(io.Writer) error) error {
	if q.output == formatText {
		return text(out)
	}
	b, err := control.Marshal(v)
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}

// printable is a text that others have chosen as a terminal may have it: what is no
// printable character becomes a question mark.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
