package kubectl

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// The formats of --output.
const (
	formatTable = "table"
	formatWide  = "wide"
	formatJSON  = "json"
	formatYAML  = "yaml"
)

// output is how a command prints.
type output struct{ format string }

func (o *output) flag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", formatTable, "table, wide, json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{formatTable, formatWide, formatJSON, formatYAML}, cobra.ShellCompDirectiveNoFileComp))
}

// check is to be called before anything is asked for.
func (o *output) check() error {
	switch o.format {
	case formatTable, formatWide, formatJSON, formatYAML:
		return nil
	}
	return fmt.Errorf("--output %q is not table, wide, json or yaml", o.format)
}

func (o *output) wide() bool { return o.format == formatWide }

// print writes v for programs, or what text writes for people.
func (o *output) print(out io.Writer, v any, text func(*page)) error {
	var b []byte
	var err error
	switch o.format {
	case formatJSON:
		b, err = json.MarshalIndent(v, "", "  ")
		b = append(b, '\n')
	case formatYAML:
		b, err = yaml.Marshal(v)
	default:
		p := &page{}
		text(p)
		b = []byte(p.b.String())
	}
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}

// page is text for people.
type page struct{ b strings.Builder }

// line writes a line; what it is made of is made printable.
func (p *page) line(format string, args ...any) {
	p.b.WriteString(printable(fmt.Sprintf(format, args...)) + "\n")
}

// table writes rows in columns; the first one may be a head.
func (p *page) table(rows ...[]string) {
	t := tabwriter.NewWriter(&p.b, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if cell = printable(cell); cell == "" {
				cell = "-"
			}
			if i > 0 {
				cell = "\t" + cell
			}
			_, _ = io.WriteString(t, cell) // a strings.Builder takes everything
		}
		_, _ = io.WriteString(t, "\n")
	}
	_ = t.Flush()
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

// clock is a moment of a timeline, to the millisecond.
func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

// moment is one with its day.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }

// seconds that a proxy says.
func seconds(n int64) string { return (time.Duration(n) * time.Second).String() }

// plural is a count of something.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
