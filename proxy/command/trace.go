package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sipring/sipring/proxy/control"
	"github.com/sipring/sipring/proxy/control/answers"
	"github.com/sipring/sipring/proxy/server"
)

// Trace implements control.Backend.
func (i *inspector) Trace(text string, r *control.Recorder) (stop func(), err error) {
	if _, _, err := i.ready(); err != nil {
		return nil, err
	}
	aor, err := i.aor(text)
	if err != nil {
		return nil, err
	}
	stop, ok := i.p.server.Trace(&server.Trace{AOR: aor, Message: r.Record})
	if !ok {
		return nil, &control.Problem{Status: http.StatusServiceUnavailable, Reason: "there are as many traces as may be: wait until one has ended"}
	}
	return stop, nil
}

// Trace returns the command that shows the messages of an address-of-record.
func Trace() *cobra.Command {
	q := &question{}
	var length time.Duration
	var most int
	cmd := &cobra.Command{
		Use:   "trace AOR",
		Short: "Show the messages of an address-of-record that come to this proxy and leave it",
		Long: `Show the messages of an address-of-record, as they come to this proxy and leave
it: those with it in the Request-URI, From, To or P-Asserted-Identity.

There are no bodies, credentials, passwords or tokens in what is shown, and of
headers that this version does not know the names alone. A trace is bounded in time,
messages, bytes and messages a second, and a slow reader loses some: the last line
counts them. At most two are under way at a time. What another proxy handles is seen
there.`,
		Example: `  sipring trace sip:bob@example.com
  sipring trace bob@example.com --for 5m --max 1000 -o json`,
	}
	f := cmd.Flags()
	f.DurationVar(&length, "for", control.DefaultTraceTime, fmt.Sprintf("how long, 1s to %s", control.MaxTraceTime))
	f.IntVar(&most, "max", control.DefaultMessages, fmt.Sprintf("how many messages, 1 to %d", control.MaxMessages))
	return q.command(cmd, 1, 1, func(ctx context.Context, c *control.Client, args []string, out io.Writer) error {
		switch {
		case length < time.Second || length > control.MaxTraceTime:
			return usageError{fmt.Errorf("--for %s is not in 1s..%s", length, control.MaxTraceTime)}
		case most < 1 || most > control.MaxMessages:
			return usageError{fmt.Errorf("--max %d is not in 1..%d", most, control.MaxMessages)}
		}
		lines, err := c.Trace(ctx, args[0], length, most)
		if err != nil {
			return err
		}
		defer func() { _ = lines.Close() }()
		return q.printTrace(out, lines)
	})
}

// printTrace prints the lines of a trace as they come.
func (q *question) printTrace(out io.Writer, lines io.Reader) error {
	s := bufio.NewScanner(lines)
	s.Buffer(nil, control.MaxLine)
	for s.Scan() {
		var line struct {
			answers.Message
			answers.End
		}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			return fmt.Errorf("read the trace: %w", err)
		}
		if err := q.printLine(out, s.Bytes(), &line.Message, &line.End); err != nil || line.End.End != "" {
			return err
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("read the trace: %w", err)
	}
	return errors.New("the proxy has ended the trace")
}

func (q *question) printLine(out io.Writer, raw []byte, m *answers.Message, end *answers.End) error {
	var err error
	switch {
	case q.output == formatJSON:
		_, err = out.Write(append(raw, '\n'))
	case end.End != "":
		_, err = fmt.Fprintf(out, "The trace has ended (%s). Not shown, for being too many: %d.\n", printable(end.End), end.Dropped)
	default:
		way := "from"
		if m.Direction == "out" {
			way = "to"
		}
		text := fmt.Sprintf("%s %s %s %s, at %s\n", m.Time.Format(time.RFC3339Nano), printable(m.Direction), way, printable(m.Remote), printable(m.Local))
		for line := range strings.SplitSeq(strings.TrimSuffix(m.Message, "\r\n"), "\r\n") {
			text += "  " + printable(line) + "\n"
		}
		_, err = io.WriteString(out, text+"\n")
	}
	return err
}
