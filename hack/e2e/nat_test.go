//go:build linux

package main

import (
	"strings"
	"testing"
	"time"
)

// A phone that answers within two seconds of the fault, or of its keep-alive, is in time.
func TestPhonesBehindANATThatAreLate(t *testing.T) {
	at := time.Unix(1000, 0)
	r := &recall{}
	for _, c := range []struct{ due, answered time.Duration }{
		{20 * time.Second, time.Second},                        // before its keep-alive, and soon
		{20 * time.Second, 12 * time.Second},                   // before its keep-alive
		{20 * time.Second, 20*time.Second + time.Second/10},    // after it
		{time.Second / 10, time.Second},                        // after it, and soon
		{10 * time.Second, 10*time.Second + natLate + 1000000}, // too late
	} {
		r.note(at, at.Add(c.due), at.Add(c.answered))
	}
	r.waited.Count(nil)
	r.refused = 3
	if r.called.Reached.OK != 4 || r.called.Reached.Of != 5 || r.soon != 2 {
		t.Errorf("%v in time, %d soon; want 4/5 and 2", r.called.Reached, r.soon)
	}
	for _, want := range []string{"4/5 phones", "2 of them within 2 s", "slowest 20.1s after the fault, 2.001s after its keep-alive", "1/1 calls that waited", "3 ended before it"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("no %q in %s", want, r)
		}
	}
}

func TestCallsThatWentWell(t *testing.T) {
	for text, want := range map[string]int{
		"StartTime;SuccessfulCall(P);SuccessfulCall(C);FailedCall(C);\nx;1;7;0;\nx;0;1196;4;\n": 1196,
		"StartTime;SuccessfulCall(C)\n":             -1,
		"StartTime;FailedCall(C)\nx;4\n":            -1,
		"StartTime;x;SuccessfulCall(C)\ncut off;\n": -1,
		"": -1,
	} {
		s, err := statistics(text)
		got := s["SuccessfulCall(C)"]
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestWhyCallsFailed(t *testing.T) {
	s, err := statistics("x;SuccessfulCall(C);FailedCall(P);FailedCall(C);FailedMaxUDPRetrans(C);FailedTimeoutOnRecv(C)\nx;9;3;3;2;1\n")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := reasons(s), "sipp: FailedCall 3, FailedMaxUDPRetrans 2, FailedTimeoutOnRecv 1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
