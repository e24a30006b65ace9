package kubectl_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// bob's bindings as `sipring where` and the like print them.
const bob = `{"contact":"sip:bob@192.0.2.7:5060","expiresSeconds":3540,"q":1,"callID":"x7@phone","cseq":3,"instance":"<urn:uuid:1>","regID":1,"received":"192.0.2.7:5060","listener":"udp","owner":"voice-1","registeredSecondsAgo":60}`

// answers are the programs of a cluster with bob, whose home is voice-0, and carol,
// whose home is voice-2.
func answers(pod string, command []string) (out, reason string, code int) {
	if len(command) < 2 || command[0] != "/sipring" {
		return "", "no such program", 127
	}
	switch line := strings.Join(command[1:], " "); {
	case line == "where -o json -- sip:bob@example.com":
		held := map[string]string{
			"voice-0": `{"role":"home","bindings":[` + bob + `]}`,
			"voice-1": `{"role":"replica","bindings":[` + bob + `]}`,
		}[pod]
		if held == "" {
			held = "null"
		}
		return fmt.Sprintf(`{"aor":"sip:bob@example.com","partition":17,"epoch":42,"member":%q,"home":"voice-0","replicas":["voice-1"],"held":%s}`, pod, held), "", 0
	case line == "unregister -o json -- sip:bob@example.com sip:nobody@192.0.2.7":
		return "", "sipring: no such contact is registered\n", 1
	case strings.HasPrefix(line, "unregister -o json -- sip:bob@example.com") && pod == "voice-0":
		return `{"aor":"sip:bob@example.com","removed":["sip:bob@192.0.2.7:5060"]}`, "", 0
	case strings.HasPrefix(line, "bindings "):
		return bindingsOf(pod, line), "", 0
	case strings.HasPrefix(line, "trace -o json --for=2s --max=5 -- "):
		return fmt.Sprintf(`{"time":"2026-11-27T01:02:03.456Z","direction":"in","local":"10.0.0.1:5060","remote":"192.0.2.7:5060","startLine":"INVITE sip:bob@example.com SIP/2.0","message":"INVITE sip:bob@example.com SIP/2.0\r\nCall-ID: a-%s\r\n"}
{"end":"time","dropped":2}
`, pod), "", 0
	}
	return "", "sipring: not an address-of-record: " + command[len(command)-1] + "\n", 1
}

// bindingsOf is a page: voice-0 has bob and, behind a token, alice; voice-2 has carol.
func bindingsOf(pod, line string) string {
	item := func(name string) string {
		return `{"aor":"sip:` + name + `@example.com","bindings":[` + strings.ReplaceAll(bob, "bob@", name+"@") + `]}`
	}
	items, next := "", ""
	switch {
	case pod == "voice-0" && strings.HasSuffix(line, "--after="):
		items, next = item("bob"), "t1"
	case pod == "voice-0":
		items = item("alice")
	case pod == "voice-2":
		items = item("carol")
	}
	return fmt.Sprintf(`{"member":%q,"epoch":42,"items":[%s],"next":%q}`, pod, items, next)
}

// old are the programs of a version without such subcommands.
func old(string, []string) (out, reason string, code int) {
	return "", "sipring: unknown command \"where\" for \"sipring\"\n", 1
}

// off are those of a proxy without a control socket.
func off(string, []string) (out, reason string, code int) {
	return "", "sipring: /run/sipring/control.sock: no proxy has that socket\n", 1
}

// except is as answers, but in one pod.
func except(pod string, f func(string, []string) (string, string, int)) func(string, []string) (string, string, int) {
	return func(p string, command []string) (string, string, int) {
		if p == pod {
			return f(p, command)
		}
		return answers(p, command)
	}
}

// TestSubscribers: what commands about subscribers print.
func TestSubscribers(t *testing.T) {
	tests := map[string]struct {
		args     string
		input    string
		programs func(string, []string) (string, string, int)
	}{
		"where":               {args: "where sip:bob@example.com"},
		"where-wide":          {args: "where sip:bob@example.com -o wide"},
		"where-all":           {args: "where sip:bob@example.com --all -o json"},
		"where-home-silent":   {args: "where sip:bob@example.com", programs: except("voice-0", off)},
		"bindings":            {args: "bindings"},
		"bindings-one":        {args: "bindings --limit 1"},
		"bindings-two":        {args: "bindings --limit 2"},
		"bindings-on":         {args: "bindings --after voice-0/t1"},
		"bindings-member":     {args: "bindings --member voice-2 --aor *@example.com -o yaml"},
		"bindings-none":       {args: "bindings --member voice-1"},
		"bindings-partly":     {args: "bindings", programs: except("voice-0", old)},
		"unregister":          {args: "unregister sip:bob@example.com --yes"},
		"unregister-asked":    {args: "unregister sip:bob@example.com", input: "yes\n"},
		"unregister-contact":  {args: "unregister sip:bob@example.com sip:bob@192.0.2.7:5060 -o json", input: "y\n"},
		"trace-one-not-there": {args: "trace sip:bob@example.com --for 2s --max 5", programs: except("voice-1", old)},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			if w.programs = tt.programs; w.programs == nil {
				w.programs = answers
			}
			out, complaints, err := w.kubectl(t, tt.input, strings.Fields(tt.args)...)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(name, "trace") { // in which order, nobody knows
				lines := strings.SplitAfter(out, "\n")
				slices.Sort(lines)
				out = strings.Join(lines, "")
			}
			golden(t, name, complaints+out)
		})
	}
}

// TestTraceWhole: with -o wide there are the messages, and as JSON each is a line.
func TestTraceWhole(t *testing.T) {
	w := aWorld()
	w.pods, w.programs = w.pods[:1], answers
	for format, want := range map[string]string{
		"wide": "01:02:03.456 voice-0 10.0.0.1:5060 <- 192.0.2.7:5060  INVITE sip:bob@example.com SIP/2.0\n    INVITE sip:bob@example.com SIP/2.0\n    Call-ID: a-voice-0\nvoice-0: ended: time; 2 messages too many\n",
		"json": `{"member":"voice-0","time":"2026-11-27T01:02:03.456Z","direction":"in","local":"10.0.0.1:5060","remote":"192.0.2.7:5060","startLine":"INVITE sip:bob@example.com SIP/2.0","message":"INVITE sip:bob@example.com SIP/2.0\r\nCall-ID: a-voice-0\r\n"}` + "\n" + `{"member":"voice-0","end":"time","dropped":2}` + "\n",
	} {
		if out, _, err := w.kubectl(t, "", "trace", "sip:bob@example.com", "--for", "2s", "--max", "5", "-o", format); err != nil || out != want {
			t.Errorf("-o %s: error %v, output\n%s\nwant\n%s", format, err, out, want)
		}
	}
}

// TestSubscribersRefused: and what they say where they cannot.
func TestSubscribersRefused(t *testing.T) {
	long := func(string, []string) (string, string, int) { return strings.Repeat("x", 5<<20), "", 0 }
	tests := map[string]struct {
		args     []string
		input    string
		change   func(*world)
		programs func(string, []string) (string, string, int)
		want     string
	}{
		"no right":              {args: []string{"where", "sip:bob@example.com"}, change: func(w *world) { w.forbidden["pods/exec"] = true }, want: `you lack the right to create pods/exec in namespace "telephony"`},
		"no right to a list":    {args: []string{"bindings"}, change: func(w *world) { w.forbidden["pods/exec"] = true }, want: "you lack the right to create pods/exec"},
		"no right to a trace":   {args: []string{"trace", "sip:bob@example.com"}, change: func(w *world) { w.forbidden["pods/exec"] = true }, want: "you lack the right to create pods/exec"},
		"several clusters":      {args: []string{"where", "sip:bob@example.com"}, change: func(w *world) { w.clusters = append(w.clusters, aCluster("trunk")) }, want: "say which of trunk, voice"},
		"no pods":               {args: []string{"bindings"}, change: func(w *world) { w.pods = nil }, want: "SIPCluster telephony/voice has no pods"},
		"old version":           {args: []string{"where", "sip:bob@example.com"}, programs: old, want: "voice-0: its version of sipring has no subcommand where: update the cluster"},
		"no socket":             {args: []string{"bindings"}, programs: off, want: "voice-2: /run/sipring/control.sock: no proxy has that socket"},
		"long answer":           {args: []string{"where", "sip:bob@example.com"}, programs: long, want: "longer than 4194304 bytes"},
		"no JSON":               {args: []string{"bindings"}, programs: func(string, []string) (string, string, int) { return "hello", "", 0 }, want: "cannot be read"},
		"no AOR":                {args: []string{"where", "--", "-bob"}, want: "voice-0: not an address-of-record: -bob"},
		"not confirmed":         {args: []string{"unregister", "sip:bob@example.com"}, input: "no\n", want: "not confirmed"},
		"nobody to confirm":     {args: []string{"unregister", "sip:bob@example.com"}, want: "not confirmed"},
		"no such contact":       {args: []string{"unregister", "--yes", "sip:bob@example.com", "sip:nobody@192.0.2.7"}, want: "voice-0: no such contact is registered"},
		"empty contact":         {args: []string{"unregister", "--yes", "sip:bob@example.com", ""}, want: "an empty contact"},
		"no such member":        {args: []string{"bindings", "--member", "voice-9"}, want: "no pod voice-9 of this cluster"},
		"limit":                 {args: []string{"bindings", "--limit", "0"}, want: "--limit 0 is not in"},
		"after":                 {args: []string{"bindings", "--after", "voice-9/x"}, want: `--after "voice-9/x" is not`},
		"trace too long":        {args: []string{"trace", "sip:bob@example.com", "--for", "1h"}, want: "--for 1h0m0s is not in"},
		"trace too much":        {args: []string{"trace", "sip:bob@example.com", "--max", "0"}, want: "--max 0 is not in"},
		"trace nowhere":         {args: []string{"trace", "sip:bob@example.com"}, programs: old, want: "has no subcommand trace"},
		"a list without an end": {args: []string{"bindings", "--member", "voice-0"}, programs: func(string, []string) (string, string, int) { return `{"items":[],"next":"t"}`, "", 0 }, want: "does not go on"},
		"more than asked for":   {args: []string{"bindings", "--limit", "1", "--member", "voice-0"}, programs: func(string, []string) (string, string, int) { return `{"items":[{},{}],"next":""}`, "", 0 }, want: "more than it was asked for"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := aWorld()
			if w.programs = tt.programs; w.programs == nil {
				w.programs = answers
			}
			if tt.change != nil {
				tt.change(w)
			}
			_, _, err := w.kubectl(t, tt.input, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			for _, line := range w.ran {
				if strings.Contains(line, "unregister") && strings.HasPrefix(tt.want, "not confirmed") {
					t.Errorf("ran %s", line)
				}
			}
		})
	}
}
