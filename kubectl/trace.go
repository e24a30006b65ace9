package kubectl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Bounds of a trace.
const (
	traceMax     = 10 * time.Minute
	messagesMax  = 10_000
	lineMax      = 128 << 10
	traceSlack   = 10 * time.Second // for the way there and back
	traceDefault = 30 * time.Second
	messages     = 200
)

// traced is a line of `sipring trace`: a message or, at the end, why there are no more.
type traced struct {
	Member    string     `json:"member"`
	Time      *time.Time `json:"time,omitempty"`
	Direction string     `json:"direction,omitempty"`
	Local     string     `json:"local,omitempty"`
	Remote    string     `json:"remote,omitempty"`
	StartLine string     `json:"startLine,omitempty"`
	Message   string     `json:"message,omitempty"`
	End       string     `json:"end,omitempty"`
	Dropped   int        `json:"dropped,omitempty"`
}

func (p *plugin) trace() *cobra.Command {
	out := &output{}
	var length time.Duration
	var most int
	cmd := &cobra.Command{
		Use:   "trace AOR",
		Short: "Show the messages of an address-of-record as they pass, on all members at once",
		Long: `Show the messages of an address-of-record as they pass, on all members at once.
They have no bodies, no credentials and no tokens. A trace is bounded in time, in
messages and in messages a second. It ends by itself in the pods, too, if this
program is stopped before.`,
		Example: `  kubectl sip trace sip:bob@example.com
  kubectl sip trace bob@example.com --for 5m --max 1000 -o wide   # whole messages`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: nothing,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case length < time.Second || length > traceMax:
				return fmt.Errorf("--for %v is not in 1s..%v", length, traceMax)
			case most < 1 || most > messagesMax:
				return fmt.Errorf("--max %d is not in 1..%d", most, messagesMax)
			}
			if err := out.check(); err != nil {
				return err
			}
			a, pods, err := p.members(cmd.Context())
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), length+traceSlack)
			defer cancel()
			t := &tracing{out: cmd.OutOrStdout(), format: out.format}
			return a.trace(ctx, pods, t, "-o", formatJSON, fmt.Sprintf("--for=%v", length), fmt.Sprintf("--max=%d", most), "--", args[0])
		},
	}
	out.flag(cmd)
	cmd.Flags().DurationVar(&length, "for", traceDefault, fmt.Sprintf("how long, 1s to %v", traceMax))
	cmd.Flags().IntVar(&most, "max", messages, fmt.Sprintf("how many messages of each member, 1 to %d", messagesMax))
	return p.ofCluster(cmd)
}

// trace runs until each has ended. It is an error if none could begin; if some could
// not the others are shown.
func (a *api) trace(ctx context.Context, pods []corev1.Pod, t *tracing, args ...string) error {
	faults := make([]error, len(pods))
	var wg sync.WaitGroup
	for i := range pods {
		wg.Go(func() {
			lines := &tracedLines{member: pods[i].Name, to: t}
			if faults[i] = a.run(ctx, &pods[i], lines, "trace", args...); faults[i] != nil {
				_ = t.print(&traced{Member: pods[i].Name, End: strings.TrimPrefix(faults[i].Error(), pods[i].Name+": ")})
			}
		})
	}
	wg.Wait()
	for _, err := range faults {
		var lack *lackError
		if errors.As(err, &lack) {
			return err
		}
		if err == nil {
			return nil
		}
	}
	return errors.Join(faults...)
}

// tracing prints what all members say, a message at a time.
type tracing struct {
	format string

	mu  sync.Mutex
	out io.Writer
}

func (t *tracing) print(m *traced) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var text []byte
	var err error
	switch t.format {
	case formatJSON:
		text, err = json.Marshal(m)
		text = append(text, '\n')
	case formatYAML:
		text, err = yaml.Marshal(m)
		text = append([]byte("---\n"), text...)
	default:
		text = []byte(m.text(t.format == formatWide))
	}
	if err != nil {
		return err
	}
	_, err = t.out.Write(text)
	return err
}

func (m *traced) text(wide bool) string {
	if m.End != "" {
		line := fmt.Sprintf("%s: ended: %s", m.Member, m.End)
		if m.Dropped > 0 {
			line += fmt.Sprintf("; %s too many", plural(m.Dropped, "message"))
		}
		return printable(line) + "\n"
	}
	at, way := "", "->"
	if m.Time != nil {
		at = clock(*m.Time)
	}
	if m.Direction == "in" {
		way = "<-"
	}
	text := printable(fmt.Sprintf("%s %s %s %s %s  %s", at, m.Member, m.Local, way, m.Remote, m.StartLine)) + "\n"
	if wide {
		for line := range strings.Lines(m.Message) {
			text += "    " + printable(strings.TrimRight(line, "\r\n")) + "\n"
		}
	}
	return text
}

// tracedLines takes the lines of one member, however they are cut.
type tracedLines struct {
	member string
	to     *tracing
	rest   []byte
}

var errLine = errors.New("a line of the trace is too long or cannot be read")

// Write implements io.Writer.
func (l *tracedLines) Write(p []byte) (int, error) {
	l.rest = append(l.rest, p...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			break
		}
		m := &traced{}
		if err := json.Unmarshal(line, m); err != nil {
			return 0, errLine
		}
		m.Member = l.member
		if err := l.to.print(m); err != nil {
			return 0, err
		}
		l.rest = rest
	}
	if len(l.rest) > lineMax {
		return 0, errLine
	}
	return len(p), nil
}
