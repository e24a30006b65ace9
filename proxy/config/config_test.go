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

// The second address is of the other family than the advertised one, at its port.
func TestSecondAt(t *testing.T) {
	for name, tt := range map[string]struct{ advertise, second, want string }{
		"IPv6":                   {"192.0.2.1:5070", "2001:db8::1", "[2001:db8::1]:5070"},
		"IPv4":                   {"[2001:db8::1]:5070", "192.0.2.1", "192.0.2.1:5070"},
		"without a port":         {"192.0.2.1", "2001:db8::1", "2001:db8::1"},
		"none":                   {"192.0.2.1:5070", "", ""},
		"of that family":         {"192.0.2.1:5070", "192.0.2.2", ""},
		"mapped":                 {"192.0.2.1:5070", "::ffff:192.0.2.2", ""},
		"a name stands for both": {"sip.example.com:5060", "2001:db8::1", ""},
		"nothing is advertised":  {"", "2001:db8::1", ""},
	} {
		s := &MemberSet{Second: tt.second, Ring: Ring{Partitions: 1, Replicas: 1}}
		if got := s.SecondAt(tt.advertise); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := (*MemberSet)(nil).SecondAt("192.0.2.1"); got != "" {
		t.Errorf("no set: %q", got)
	}
	for _, second := range []string{"sip.example.com", "192.0.2.1:5060", "[2001:db8::1]", "x"} {
		if err := (&MemberSet{Second: second, Ring: Ring{Partitions: 1, Replicas: 1}}).Validate(); err == nil {
			t.Errorf("%q is taken for an address", second)
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
