package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEgressRules(t *testing.T) {
	rule := func(prefix string, first, last uint16) EgressRule {
		return EgressRule{netip.MustParsePrefix(prefix), first, last}
	}
	for text, want := range map[string]EgressRule{
		"192.0.2.0/24":              rule("192.0.2.0/24", 1, 65535),
		"192.0.2.7/32:5060":         rule("192.0.2.7/32", 5060, 5060),
		"0.0.0.0/0:1-1023":          rule("0.0.0.0/0", 1, 1023),
		"2001:db8::/32":             rule("2001:db8::/32", 1, 65535),
		"[2001:db8::/32]:5060-5080": rule("2001:db8::/32", 5060, 5080),
		"::/0":                      rule("::/0", 1, 65535),
	} {
		got, err := ParseEgressRule(text)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	for _, text := range []string{
		"", "192.0.2.1", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/24:", "192.0.2.0/24:0", "192.0.2.0/24:65536", "192.0.2.0/24:9-8",
		"192.0.2.0/24:5060-", "192.0.2.0/24:-5060", "192.0.2.0/24:a", "192.0.2.0/24:+5", "2001:db8::/32:5060", "[2001:db8::/32]", "[2001:db8::/32]5060",
		"2001:db8::/129", "2001:db8::1/32", "fe80::%1/64", "::ffff:192.0.2.0/120", "example.com/24", "192.0.2.0/24 ", "192.0.2.0/024",
	} {
		if r, err := ParseEgressRule(text); err == nil {
			t.Errorf("%q is taken for %v", text, r)
		}
	}
}

func FuzzParseEgressRule(f *testing.F) {
	for _, seed := range []string{"192.0.2.0/24:5060-5080", "[2001:db8::/32]:5060", "::/0", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseEgressRule(text)
		if err == nil && (!r.Prefix.IsValid() || r.Prefix != r.Prefix.Masked() || r.First < 1 || r.First > r.Last) {
			t.Errorf("%q is taken for %v", text, r)
		}
	})
}

func TestEgressAndTokenHours(t *testing.T) {
	many := strings.Repeat("192.0.2.0/24,", MaxEgressRules)
	for text, ok := range map[string]bool{
		"": true, "egress: {}": true, "egress: {contacts: Any, allow: [127.0.0.0/8], deny: ['0.0.0.0/0:1-1023']}": true,
		"egress: {contacts: any}": false, "egress: {allow: [localhost]}": false, "egress: {deny: [192.0.2.1/8]}": false,
		"egress: {allow: [" + many + "]}": true, "egress: {deny: [" + many + "192.0.2.0/24]}": false,
		"tokenHours: 1": true, "tokenHours: 8760": true, "tokenHours: 8761": false, "tokenHours: -1": false,
	} {
		c, err := ParseConfig(fmt.Appendf(nil, "cluster: a\ndomains: [example.com]\n%s", text))
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
		if text == "" && (c.Egress.Contacts != ContactsSource || c.TokenHours != 24) {
			t.Errorf("the default is %+v, %d hours", c.Egress, c.TokenHours)
		}
	}
}
