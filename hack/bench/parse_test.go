package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseRegisterResult(t *testing.T) {
	for name, tt := range map[string]struct {
		out     string
		want    registerResult
		wantErr string
	}{
		"all fields": {
			out: `{"sent":10,"ok":7,"other":2,"first_other":503,"timeouts":1,"retransmits":4,"stray":3,"seconds":0.5,"p50_us":100,"p99_us":200,"max_us":300}`,
			want: registerResult{
				Sent: 10, OK: 7, Other: 2, FirstOther: 503, Timeouts: 1, Retransmits: 4, Stray: 3,
				Seconds: 0.5, P50: 100, P99: 200, Max: 300,
			},
		},
		"requests that vanished": {out: `{"sent":10,"ok":7,"seconds":1}`, wantErr: "do not add up"},
		"nothing sent":           {out: `{"sent":0,"seconds":1}`, wantErr: "do not add up"},
		"no time passed":         {out: `{"sent":1,"ok":1}`, wantErr: "do not add up"},
		"not JSON":               {out: "usage", wantErr: "parse regload"},
		"nothing":                {wantErr: "parse regload"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseRegisterResult([]byte(tt.out))
			checkError(t, err, tt.wantErr)
			if err == nil {
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestParseSippStats(t *testing.T) {
	const head = "StartTime;CallRate(P);CallRate(C);TotalCallCreated;SuccessfulCall(P);SuccessfulCall(C);FailedCall(P);FailedCall(C);Retransmissions(C);\n"
	const first = "2026-11-23\t08:51:08.350356\t1795423868.350356;9;9;9;9;9;9;9;9;\n"
	for name, tt := range map[string]struct {
		text    string
		want    callResult
		wantErr string
	}{
		"the last line counts": {
			text: head + first + "x;0;293.887;1500;2;1490;1;10;5;\n",
			want: callResult{Created: 1500, Succeeded: 1490, Failed: 10, Retransmits: 5, Rate: 293.887},
		},
		"only the head":      {text: head, wantErr: "1 lines"},
		"nothing":            {wantErr: "0 lines"},
		"a line cut short":   {text: head + "x;0;293.887;1500;\n", wantErr: "parse SIPp statistics: "},
		"a column not there": {text: "StartTime;CallRate(C)\nx;1\n", wantErr: "parse SIPp statistics: "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseSippStats(tt.text)
			checkError(t, err, tt.wantErr)
			if err == nil {
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

func TestParseVersions(t *testing.T) {
	for name, tt := range map[string]struct{ got, want string }{
		"Kamailio":        {parseKamailioVersion("version: kamailio 5.6.3 (x86_64/linux) \nflags: USE_TCP"), "5.6.3"},
		"Kamailio silent": {parseKamailioVersion(""), "unknown"},
		"SIPp":            {parseSippVersion("\n SIPp v3.6.1-SCTP-PCAP-RTPSTREAM.\n\n This program"), "v3.6.1"},
		"SIPp, plain":     {parseSippVersion("SIPp v3.7.3."), "v3.7.3"},
		"SIPp silent":     {parseSippVersion(""), "unknown"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", name, tt.got, tt.want)
		}
	}
}

func TestLineValue(t *testing.T) {
	const text = "processor\t: 0\nmodel name\t: A: B\nmodel name\t: C\n"
	if got := lineValue(text, "model name", ":", "unknown"); got != "A: B" {
		t.Errorf("got %q", got)
	}
	if got := lineValue(text, "model", ":", "unknown"); got != "unknown" {
		t.Errorf("part of a name matched: %q", got)
	}
}

func TestDivideCPUs(t *testing.T) {
	for name, tt := range map[string]struct {
		allowed []int
		want    cpus
	}{
		"one is shared":                  {[]int{3}, cpus{server: "3", load: "3", shared: true}},
		"two":                            {[]int{0, 1}, cpus{server: "1", load: "0"}},
		"the server has one, always one": {[]int{1, 4, 6}, cpus{server: "6", load: "1,4"}},
	} {
		if d := cmp.Diff(tt.want, divideCPUs(tt.allowed), cmp.AllowUnexported(cpus{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestParseOptions(t *testing.T) {
	type want struct {
		Rounds, Bindings int
		Sipring          bool
	}
	for name, tt := range map[string]struct {
		args    string
		want    want
		wantErr string
	}{
		"defaults":                      {want: want{3, 20000, true}},
		"quick":                         {args: "--quick", want: want{2, 2000, true}},
		"what is given wins over quick": {args: "--rounds 5 --quick", want: want{5, 2000, true}},
		"only some servers":             {args: "--only kamailio,echo", want: want{3, 20000, false}},
		"unknown server":                {args: "--only asterisk", wantErr: "asterisk"},
		"out of range":                  {args: "--window 0 --rounds 101", wantErr: "--rounds 101 is not in 1..100\n--window 0"},
		"unknown flag":                  {args: "--fast", wantErr: "not defined"},
		"stray argument":                {args: "fast", wantErr: "unexpected"},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := parseOptions(strings.Fields(tt.args), io.Discard)
			checkError(t, err, tt.wantErr)
			if err == nil {
				if d := cmp.Diff(tt.want, want{o.Rounds, o.Bindings, o.selected(nameSipring)}); d != "" {
					t.Error(d)
				}
			}
		})
	}
}

// checkError wants no error for "", else one with the text.
func checkError(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" && err != nil {
		t.Fatalf("error: %v", err)
	}
	if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Fatalf("error %v, want one with %q", err, want)
	}
}

func TestConnectedCallsAddUp(t *testing.T) {
	r, err := parseConnectedCalls([]byte(`{"created":10,"succeeded":9,"failed":1,"first_other":404,"rate_per_s":5.5}`))
	if want := (callResult{Created: 10, Succeeded: 9, Failed: 1, Rate: 5.5}); err != nil || r != want {
		t.Errorf("%+v, %v", r, err)
	}
	for _, bad := range []string{"", "{}", `{"created":10,"succeeded":10,"failed":1}`, `{"created":1,"succeeded":-1,"failed":2}`} {
		if r, err := parseConnectedCalls([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, r)
		}
	}
}
