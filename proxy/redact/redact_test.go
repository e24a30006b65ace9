package redact

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/wire"
)

func scan(t testing.TB, text string) *wire.Message {
	t.Helper()
	m, limits := &wire.Message{}, wire.DefaultLimits()
	if err := m.Scan([]byte(text), &limits); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return m
}

const head = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"

func TestAppendLines(t *testing.T) {
	long := strings.Repeat("A", 41)
	for line, want := range map[string]string{
		// shown as they are
		"From: \"Who?\" <sip:a@b>;tag=1":                                            "From: \"Who?…>;tag=1",
		"f: \"Bob\" <sip:bob@example.com>;tag=1":                                    "f: \"Bob\" <sip:bob@example.com>;tag=1",
		"Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK12;rport":                "Via: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bK12;rport",
		"Contact: <sip:b@[2001:db8::1]:5060>;+sip.instance=\"<urn:uuid:0000-000>\"": "Contact: <sip:b@[2001:db8::1]:5060>;+sip.instance=\"<urn:uuid:0000-000>\"",
		"Route: <sip:example.com:5060;lr>":                                          "Route: <sip:example.com:5060;lr>",
		"Call-ID: " + long + "@192.0.2.1":                                           "Call-ID: " + long + "@192.0.2.1",
		// credentials
		"Authorization: Digest username=\"bob\"":        "Authorization: [21 bytes]",
		"AUTHORIZATION : Digest a":                      "AUTHORIZATION: [8 bytes]",
		"Authorization: Digest\r\n response=\"secret\"": "Authorization: [26 bytes]",
		"Proxy-Authorization: Digest secret":            "Proxy-Authorization: [13 bytes]",
		"WWW-Authenticate: Digest nonce=\"secret\"":     "WWW-Authenticate: [21 bytes]",
		"Authentication-Info: nextnonce=\"secret\"":     "Authentication-Info: [18 bytes]",
		"Cookie: secret":                                "Cookie: [6 bytes]",
		"X-Api-Key: secret":                             "X-Api-Key: [6 bytes]",
		"y: secret":                                     "y: [6 bytes]",
		"Subject: secret":                               "Subject: [6 bytes]",
		"s: secret":                                     "s: [6 bytes]",
		"SIP-ETag: secret":                              "SIP-ETag: [6 bytes]",
		// in URIs
		"Contact: <sip:bob:secret@192.0.2.1>":                   "Contact: <sip:bob:…@192.0.2.1>",
		"Contact: <SIPS:bob;x=1:secret@192.0.2.1:5061>":         "Contact: <SIPS:bob;x=1:…@192.0.2.1:5061>",
		"m: sip:bob:secret@192.0.2.1":                           "m: sip:bob:…@192.0.2.1",
		"m: sip:bob:1234@192.0.2.1":                             "m: sip:bob:…@192.0.2.1",
		"Contact: <sip:a@b>, <sip:bob:se:cret@192.0.2.1>":       "Contact: <sip:a@b>, <sip:bob:…@192.0.2.1>",
		"Contact: <http://bob:secret@192.0.2.1>":                "Contact: <http://bob:…@192.0.2.1>",
		"Refer-To: <sip:a@b?Authorization=Digest%20secret>;x=1": "Refer-To: <sip:a@b?…>;x=1",
		"Refer-To: <sip:a@b?Replaces=x%3Bto-tag>":               "Refer-To: <sip:a@b?…>",
		"r: <sip:a?b:secret@c>":                                 "r: <sip:a?…:…@c>",
		// tokens
		"Record-Route: <sip:" + long + "@sip.example.com:5060;lr>":           "Record-Route: <sip:" + long[:12] + "…@sip.example.com:5060;lr>",
		"Via: SIP/2.0/UDP h;branch=z9hG4bKAQIDBAUGBwgJCgs;o=3-beef;h=8B-0QQ": "Via: SIP/2.0/UDP h;branch=z9hG4bKAQIDB…;o=3-beef;h=…",
		"Contact: <sip:" + long + "@192.0.2.1>":                              "Contact: <sip:" + long[:12] + "…@192.0.2.1>",
		"To: <sip:c@d>;tag=" + long:                                          "To: <sip:c@d>;tag=" + long[:12] + "…",
		// bounds and folds
		"User-Agent: a\r\n  b":                           "User-Agent: a    b",
		"User-Agent: " + strings.Repeat("a ", 600) + "b": "User-Agent: " + strings.Repeat("a ", 256) + "…",
	} {
		got := string(Append(nil, scan(t, "INVITE sip:c@d SIP/2.0\r\n"+line+"\r\n\r\n")))
		if want = "INVITE sip:c@d SIP/2.0\r\n" + want + "\r\n"; got != want {
			t.Errorf("%s\ngot  %q\nwant %q", line, got, want)
		}
	}
}

func TestAppendStartLine(t *testing.T) {
	long := strings.Repeat("a", 60)
	for line, want := range map[string]string{
		"INVITE sip:bob:secret@example.com;x=1 SIP/2.0": "INVITE sip:bob:…@example.com;x=1 SIP/2.0",
		"INVITE sip:" + long + "@example.com SIP/2.0":   "INVITE sip:aaaaaaaaaaaa…@example.com SIP/2.0",
		"INVITE sip:a@b?Cookie=secret SIP/2.0":          "INVITE sip:a@b?… SIP/2.0",
		"SIP/2.0 486 Busy Here":                         "SIP/2.0 486 Busy Here",
		"SIP/2.0 200 ":                                  "SIP/2.0 200 ",
	} {
		if got := string(AppendStartLine(nil, scan(t, line+"\r\n"+head+"\r\n"))); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
}

func TestNoBody(t *testing.T) {
	got := Append(nil, scan(t, "INVITE sip:c@d SIP/2.0\r\n"+head+"Content-Type: application/sdp\r\nContent-Length: 6\r\n\r\nsecret"))
	if bytes.Contains(got, []byte("secret")) || !bytes.HasSuffix(got, []byte("Content-Length: 6\r\n")) {
		t.Errorf("%s", got)
	}
}

func TestAppendIsBounded(t *testing.T) {
	for _, header := range []string{"X: y\r\n", "Contact: <sip:" + strings.Repeat("a.", 900) + "@b>\r\n", strings.Repeat("X", 900) + ": y\r\n"} {
		text := "INVITE sip:c@d SIP/2.0\r\n" + head + strings.Repeat(header, min(60, 30000/len(header)))
		if got := Append(nil, scan(t, text+"\r\n")); len(got) > MaxText || !bytes.HasPrefix(got, []byte("INVITE ")) {
			t.Errorf("%d bytes of %q", len(got), header[:5])
		}
	}
}

// FuzzAppend: nothing that is a secret by where it stands gets through, whatever stands around it.
func FuzzAppend(f *testing.F) {
	f.Add("Contact", "<sip:bob@192.0.2.1>;q=0.5", "body")
	f.Add("Via", "SIP/2.0/UDP [::1]:5060;branch=z9hG4bK1;h=a", "")
	f.Add("Authorization", "Digest a=\"b\"", "x")
	f.Add("Refer-To", "<sip:a:b@c?d=e>", "x")
	f.Fuzz(func(t *testing.T, name, value, body string) {
		const secret = "SeCrEt-tHaT-iS-nObOdYs-aNd-LoNgEr-ThAn-AnY-wOrD"
		text := "INVITE sip:u:" + secret + "@d SIP/2.0\r\n" + head + name + ": " + value + "\r\nRoute: <sip:" + secret + "@h;lr>\r\n" +
			"Authorization: " + value + secret + "\r\nX-" + name + ": " + secret + "\r\n\r\n" + body + secret
		m, limits := &wire.Message{}, wire.DefaultLimits()
		if m.Scan([]byte(text), &limits) != nil {
			return
		}
		got := Append(nil, m)
		if bytes.Contains(got, []byte(secret)) && !strings.Contains(name+value, "\n") {
			t.Errorf("it is there:\n%s\nof\n%s", got, text)
		}
		if len(got) > MaxText {
			t.Errorf("%d bytes", len(got))
		}
	})
}
