package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestDrainSeconds(t *testing.T) {
	for text, want := range map[string]int{"": DefaultDrainSeconds, "drainSeconds: 0": 0, "drainSeconds: 7": 7} {
		c, err := ParseConfig([]byte("cluster: a\ndomains: [example.com]\n" + text))
		if err != nil {
			t.Fatal(err)
		}
		if *c.DrainSeconds != want || c.DrainTime().Seconds() != float64(want) {
			t.Errorf("%q is %d s, %s, want %d s", text, *c.DrainSeconds, c.DrainTime(), want)
		}
	}
	if _, err := ParseConfig([]byte("cluster: a\ndomains: [example.com]\ndrainSeconds: -1")); err == nil {
		t.Error("-1 is accepted")
	}
}

func TestMemberSetRefusesAnEpochThatLeavesNone(t *testing.T) {
	for epoch, ok := range map[uint64]bool{0: true, MaxEpoch: true, MaxEpoch + 1: false, 1<<64 - 1: false} {
		s := MemberSet{Epoch: epoch, Ring: Ring{Partitions: 1, Replicas: 1}}
		if err := s.Validate(); (err == nil) != ok {
			t.Errorf("epoch %d: %v, want it taken: %v", epoch, err, ok)
		}
	}
}

func TestAliases(t *testing.T) {
	for text, ok := range map[string]bool{
		"[]": true, "[sip.example.com, 'a.example:5070', 192.0.2.1, '192.0.2.1:5070', '[2001:db8::1]', '[2001:db8::1]:5070', '2001:db8::1']": true,
		"['']": false, "['a:0']": false, "['a:x']": false, "[':5060']": false, "['sip:bob@a']": false, "['a b']": false, "['a:65536']": false, "['<a>:1']": false,
		"[" + strings.Repeat("a,", MaxAliases) + "]": true, "[" + strings.Repeat("a,", MaxAliases+1) + "]": false,
	} {
		if _, err := ParseConfig(fmt.Appendf(nil, "{cluster: a, domains: [example.com], aliases: %s}", text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestMaxRingSeconds(t *testing.T) {
	for text, want := range map[string]int{"": 600, "maxRingSeconds: 1": 1, "maxRingSeconds: 86400": 86400, "maxRingSeconds: -1": 0, "maxRingSeconds: 86401": 0} {
		c, err := ParseConfig([]byte("cluster: a\ndomains: [example.com]\n" + text))
		if want == 0 {
			if err == nil {
				t.Errorf("%q is accepted", text)
			}
			continue
		}
		if err != nil || c.MaxRingSeconds != want {
			t.Errorf("%q is %v, %v, want %d s", text, c, err, want)
		}
	}
}
