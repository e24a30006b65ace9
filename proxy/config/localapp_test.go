package config_test

import (
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

const withLocalApp = "cluster: a\ndomains: [example.com]\nlocalApp:\n  port: 5080\n"

func TestLocalAppDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.ParseConfig([]byte(withLocalApp))
	if err != nil {
		t.Fatal(err)
	}
	a := c.LocalApp
	if a.Protocol != "UDP" || a.ProxyPort != 5060 || a.When != "Always" || a.Unavailable != "NextOwner" || *a.PinSeconds != 30 ||
		a.Health != (config.LocalAppHealth{Check: "Options", PeriodMilliseconds: 1000, Failures: 3}) {
		t.Errorf("got %+v", *a)
	}
}

func TestLocalAppRefuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ line, field string }{
		"the proxy's port":    {"proxyPort: 5080", "localApp.proxyPort"},
		"a protocol":          {"protocol: TLS", "localApp.protocol"},
		"when":                {"when: Never", "localApp.when"},
		"no pattern":          {"users: '['", "localApp.users"},
		"a long pattern":      {"users: " + strings.Repeat("a", 513), "localApp.users"},
		"no host":             {"domains: ['a b']", "localApp.domains[0]"},
		"a health check":      {"health: {check: Ping}", "localApp.health.check"},
		"too often":           {"health: {periodMilliseconds: 10}", "localApp.health.periodMilliseconds"},
		"too many failures":   {"health: {failures: 21}", "localApp.health.failures"},
		"pinned for too long": {"pinSeconds: 86401", "localApp.pinSeconds"},
		"unavailable":         {"unavailable: Drop", "localApp.unavailable"},
		"retry after":         {"retryAfterSeconds: 3601", "localApp.retryAfterSeconds"},
		"no answer":           {"noAnswerSeconds: 601", "localApp.noAnswerSeconds"},
		"original":            {"original: Diversion", "localApp.original"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := config.ParseConfig([]byte(withLocalApp + "  " + tt.line + "\n"))
			if err == nil || !strings.Contains(err.Error(), tt.field+":") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestUsersPatternIsOfTheWholeUser(t *testing.T) {
	t.Parallel()
	p, err := (&config.LocalApp{Users: "conf-[0-9]+|echo"}).UsersPattern()
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]bool{"conf-1": true, "echo": true, "conf-1x": false, "xecho": false, "": false} {
		if p.MatchString(user) != want {
			t.Errorf("%q: want %t", user, want)
		}
	}
}
