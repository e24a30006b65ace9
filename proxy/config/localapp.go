package config

import (
	"fmt"
	"regexp"
	"time"
)

// Defaults of LocalApp. Seconds where a duration is meant.
const (
	DefaultProxyPort       = 5060
	DefaultNoAnswerSeconds = 20
	DefaultPinSeconds      = 30
	DefaultRetryAfter      = 5
	DefaultHealthPeriod    = 1000 // milliseconds
	DefaultHealthFailures  = 3
)

// Bounds of LocalApp.
const (
	// MaxUsersPattern is the longest LocalApp.Users, in bytes.
	MaxUsersPattern = 512
	// MaxLocalAppDomains is the most LocalApp.Domains.
	MaxLocalAppDomains = 64

	maxPinSeconds, maxRetryAfter     = 24 * 3600, 3600
	maxNoAnswerSeconds               = 600
	minHealthPeriod, maxHealthPeriod = 100, 60_000
	maxHealthFailures                = 20
)

// Values of LocalApp.When.
const (
	// WhenAlways: its users are the application's, whatever is registered.
	WhenAlways = "Always"
	// WhenUnregistered: a call goes to the application where nothing is registered.
	WhenUnregistered = "Unregistered"
	// WhenNoAnswer: it goes there also after no contact has answered, as voicemail asks.
	WhenNoAnswer = "NoAnswer"
)

// Values of LocalApp.Unavailable.
const (
	// UnavailableNextOwner: the application beside the next owner of the address-of-record
	// gets the call.
	UnavailableNextOwner = "NextOwner"
	// UnavailableReject: the call is answered 503 with Retry-After.
	UnavailableReject = "Reject"
)

// Values of LocalApp.Original.
const (
	OriginalNone        = "None"
	OriginalHistoryInfo = "HistoryInfo"
	OriginalHeader      = "Header"
)

// Values of LocalAppHealth.Check.
const (
	// CheckOptions asks by OPTIONS; any response but 408, 500, 503 and 504 is healthy.
	CheckOptions = "Options"
	// CheckTCP opens a connection.
	CheckTCP = "TCP"
	// CheckNone takes the application for healthy until a call finds it refusing.
	CheckNone = "None"
)

// LocalApp is an application that takes calls beside each proxy, in its pod: a PBX, a
// conference or voicemail server. A call for one of its users goes to the application
// beside the home of that address-of-record.
type LocalApp struct {
	// Port at 127.0.0.1 at which the application takes SIP.
	Port int `json:"port"`
	// Protocol is UDP, the default, or TCP.
	Protocol string `json:"protocol,omitempty"`
	// ProxyPort at 127.0.0.1 at which the proxy takes SIP from the application, over the
	// same protocol: its outbound proxy. Default 5060.
	ProxyPort int `json:"proxyPort,omitempty"`
	// Users is a regular expression (RE2) that the whole user part of an address-of-record
	// of the application's users matches, Domains, at most 64, what its host is one of.
	// Empty: any. Of Config.Domains in either case.
	Users   string   `json:"users,omitempty"`
	Domains []string `json:"domains,omitempty"`
	// When is Always, the default, Unregistered or NoAnswer.
	When string `json:"when,omitempty"`
	// NoAnswerSeconds is how long contacts may ring before the application gets the call,
	// with NoAnswer: 1 to 600, default 20.
	NoAnswerSeconds int `json:"noAnswerSeconds,omitempty"`
	// Health says how the proxy finds out whether the application serves.
	Health LocalAppHealth `json:"health,omitempty"`
	// Unavailable is NextOwner, the default, or Reject: what becomes of a call whose
	// application does not serve. Where none serves it is answered 503 in either case.
	Unavailable string `json:"unavailable,omitempty"`
	// RetryAfterSeconds of that 503: 1 to 3600, default 5.
	RetryAfterSeconds int `json:"retryAfterSeconds,omitempty"`
	// PinSeconds is for how long after the last call of an address-of-record at an
	// application has ended new ones still go to it, though the ring has another by now:
	// 0 to 86400, default 30; while there are calls they do in any case.
	PinSeconds *int `json:"pinSeconds,omitempty"`
	// Original is how the application is told of the Request-URI that the call came with:
	// None, the default, as that stands in the request; HistoryInfo (RFC 7044) or Header
	// (X-Original-Request-URI).
	Original string `json:"original,omitempty"`
}

// LocalAppHealth is how a proxy looks after its application.
type LocalAppHealth struct {
	// Check is Options, the default, TCP or None.
	Check string `json:"check,omitempty"`
	// PeriodMilliseconds between two checks, and for how long an answer may take: 100 to
	// 60000, default 1000.
	PeriodMilliseconds int `json:"periodMilliseconds,omitempty"`
	// Failures in a row after which the application does not serve: 1 to 20, default 3. Two
	// successes in a row, and it does again. A refused connection counts for all of them.
	Failures int `json:"failures,omitempty"`
}

func (a *LocalApp) applyDefaults() {
	if a == nil {
		return
	}
	setDefaultText(&a.Protocol, ProtocolUDP)
	setDefault(&a.ProxyPort, DefaultProxyPort)
	setDefaultText(&a.When, WhenAlways)
	setDefault(&a.NoAnswerSeconds, DefaultNoAnswerSeconds)
	setDefaultText(&a.Health.Check, CheckOptions)
	setDefault(&a.Health.PeriodMilliseconds, DefaultHealthPeriod)
	setDefault(&a.Health.Failures, DefaultHealthFailures)
	setDefaultText(&a.Unavailable, UnavailableNextOwner)
	setDefault(&a.RetryAfterSeconds, DefaultRetryAfter)
	if a.PinSeconds == nil {
		a.PinSeconds = new(DefaultPinSeconds)
	}
	setDefaultText(&a.Original, OriginalNone)
}

func setDefaultText(v *string, d string) {
	if *v == "" {
		*v = d
	}
}

// validate tells bad what cannot work.
func (a *LocalApp) validate(bad func(field, format string, args ...any)) {
	if a == nil {
		return
	}
	number := func(field string, n, least, most int) {
		if n < least || n > most {
			bad("localApp."+field, "%d is not in %d..%d", n, least, most)
		}
	}
	word := func(field, value string, of ...string) {
		for _, w := range of {
			if w == value {
				return
			}
		}
		bad("localApp."+field, "%q is not one of %v", value, of)
	}
	number("port", a.Port, 1, 65535)
	number("proxyPort", a.ProxyPort, 1, 65535)
	if a.Port == a.ProxyPort {
		bad("localApp.proxyPort", "%d is the application's own port", a.ProxyPort)
	}
	word("protocol", a.Protocol, ProtocolUDP, ProtocolTCP)
	word("when", a.When, WhenAlways, WhenUnregistered, WhenNoAnswer)
	number("noAnswerSeconds", a.NoAnswerSeconds, 1, maxNoAnswerSeconds)
	word("health.check", a.Health.Check, CheckOptions, CheckTCP, CheckNone)
	number("health.periodMilliseconds", a.Health.PeriodMilliseconds, minHealthPeriod, maxHealthPeriod)
	number("health.failures", a.Health.Failures, 1, maxHealthFailures)
	word("unavailable", a.Unavailable, UnavailableNextOwner, UnavailableReject)
	number("retryAfterSeconds", a.RetryAfterSeconds, 1, maxRetryAfter)
	number("pinSeconds", *a.PinSeconds, 0, maxPinSeconds)
	word("original", a.Original, OriginalNone, OriginalHistoryInfo, OriginalHeader)
	if _, err := a.UsersPattern(); err != nil {
		bad("localApp.users", "%v", err)
	}
	if len(a.Domains) > MaxLocalAppDomains {
		bad("localApp.domains", "%d of them, at most %d", len(a.Domains), MaxLocalAppDomains)
	}
	for i, d := range a.Domains {
		if !isHost(d) {
			bad(fmt.Sprintf("localApp.domains[%d]", i), "%q is not a host name or address", d)
		}
	}
}

// UsersPattern is Users as it is matched: with the whole user part. Nil: any.
func (a *LocalApp) UsersPattern() (*regexp.Regexp, error) {
	switch {
	case a.Users == "":
		return nil, nil
	case len(a.Users) > MaxUsersPattern:
		return nil, fmt.Errorf("more than %d bytes", MaxUsersPattern)
	}
	return regexp.Compile(`^(?:` + a.Users + `)$`)
}

// Period between two checks.
func (h *LocalAppHealth) Period() time.Duration {
	return time.Duration(h.PeriodMilliseconds) * time.Millisecond
}
