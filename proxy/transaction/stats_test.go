package transaction

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWhoMadeAResponse: also when it is sent again.
func TestWhoMadeAResponse(t *testing.T) {
	const here, there = true, false
	for name, c := range map[string]struct {
		script string
		want   []bool
	}{
		"100, and the 100 again":           {"INVITE, fork 1, INVITE", []bool{here, here}},
		"a target's 180, and again":        {"INVITE, fork 1, 1 180, INVITE", []bool{here, there, there}},
		"a target's 200":                   {"INVITE, fork 1, 1 200, 1 200", []bool{here, there, there}},
		"a target's 486, and again":        {"INVITE, fork 1, 1 486, INVITE, wait 500", []bool{here, there, there, there}},
		"404 of the caller of the table":   {"INVITE, answer 404, wait 500", []bool{here, here}},
		"a refusal":                        {"INVITE, refuse 404", []bool{here}},
		"408":                              {"INVITE, fork 1, wait 32000, INVITE", []bool{here, here, here}},
		"500 in place of a target's 503":   {"INVITE, fork 1, 1 503", []bool{here, here}},
		"a CANCEL and its 487":             {"INVITE, CANCEL", []bool{here, here}},
		"a target's 200 to BYE, and again": {"BYE, fork 1, 1 200, BYE", []bool{there, there}},
		"the best of two":                  {"INVITE, fork 1 2, 1 486, 2 480", []bool{here, there}},
	} {
		r := newRig(t, Options{})
		r.run(c.script)
		if diff := cmp.Diff(c.want, r.local); diff != "" {
			t.Errorf("%s: local -want +got:\n%s", name, diff)
		}
	}
}

// TestAnsweredIsToldOnceOfEach: of the first response that is sent on and of the
// final one, whoever made that, and never of what is sent again. A call is being
// set up until then.
func TestAnsweredIsToldOnceOfEach(t *testing.T) {
	for script, want := range map[string][]string{
		"INVITE, fork 1, wait 300, 1 180, 1 183, wait 700, 1 200, 1 200": {"300 answered INVITE 180 after 300, setup true", "1000 answered INVITE 200 after 1000, setup true"},
		"INVITE, fork 1, 1 486, wait 500":                                {"0 answered INVITE 486 after 0, setup true"},
		"INVITE, fork 1 2, 1 180, 2 183, 1 486, 2 200":                   {"0 answered INVITE 180 after 0, setup true", "0 answered INVITE 200 after 0, setup true"},
		"INVITE, refuse 404":                                             {"0 answered INVITE 404 after 0, setup true"},
		"INVITE, CANCEL, CANCEL":                                         {"0 answered INVITE 487 after 0, setup true"},
		"BYE, fork 1, wait 10, 1 200, BYE":                               {"10 answered BYE 200 after 10, setup false"},
		"BYE, fork 1, 1 408":                                             nil,
	} {
		r := newRig(t, Options{Answered: func(*ResponseContext, int, int64) {}})
		r.run(script)
		var got []string
		for _, line := range r.log {
			if strings.Contains(line, "answered") {
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", script, diff)
		}
		if n := r.table.Stats().Setups; n != 0 {
			t.Errorf("%s: %d calls are being set up", script, n)
		}
	}
}

// TestEndIsToldOnce: of a request that is counted, with its final response or when it ends
// without one, and never of what comes after.
func TestEndIsToldOnce(t *testing.T) {
	for script, after := range map[string]string{
		"fork 1, 1 180, wait 1000":       "1 200, 1 200, ACK, wait 70000",
		"fork 1 2, 1 180, 1 486":         "2 404, ACK, wait 70000",
		"":                               "refuse 404, INVITE, wait 70000",
		"trying":                         "CANCEL, CANCEL, wait 70000",
		"fork 1, 1 180, CANCEL":          "1 487, 1 200, wait 70000",
		"fork 1, 1 180":                  "wait 300000", // Timer C
		"fork 1":                         "yield, wait 70000",
		"fork 1, wait 20000":             "wait 50000", // Timer B
		"wait 20000":                     "abandon, wait 70000",
		"wait 30000":                     "wait 70000", // nobody forks
		"fork 1, 1 180, INVITE, wait 90": "1 600, 1 600",
	} {
		ended := 0
		r := newRig(t, Options{Ended: func(caller uint64) {
			if ended++; caller != 7 {
				t.Errorf("%s: caller %d", script, caller)
			}
		}})
		r.run("INVITE")
		if !r.table.Count(r.now, rigKey, 7) {
			t.Errorf("%s: cannot be counted", script)
		}
		if r.run(script); ended != 0 {
			t.Errorf("%s: has ended", script)
		}
		if r.run(after); ended != 1 {
			t.Errorf("%s, %s: ended %d times", script, after, ended)
		}
		if r.table.Count(r.now, rigKey, 7) {
			t.Errorf("%s, %s: can still be counted", script, after)
		}
	}
}

func TestTimedOutBranchesAreCountedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   uint64
	}{
		"Timer B":                             {"INVITE, fork 1 2, wait 32000", 2},
		"Timer C, and the CANCEL is answered": {"INVITE, fork 1, 1 180, wait 185000, 1 200 CANCEL, 1 487", 1},
		"Timer C, and the CANCEL is not":      {"INVITE, fork 1, 1 180, wait 217000", 1},
		"Timer F":                             {"BYE, fork 1, wait 32000", 1},
		"the caller gave up, and the target is silent": {"INVITE, fork 1, 1 180, CANCEL, wait 32000", 0},
		"the caller gave up on a silent target":        {"INVITE, fork 1, CANCEL, wait 32000", 1},
		"answered":                                     {"INVITE, fork 1, 1 180, 1 486, wait 32000", 0},
	} {
		r := newRig(t, Options{})
		r.run(c.script)
		if n := r.table.Stats().TimedOut; n != c.want {
			t.Errorf("%s: %d, want %d", name, n, c.want)
		}
	}
}
