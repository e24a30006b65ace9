package wire

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/google/go-cmp/cmp"
)

func TestParseURI(t *testing.T) {
	type parts struct {
		Scheme                                     Scheme
		User, Password, Host, Params, Headers, Opq string
		Port                                       uint16
		HasPort                                    bool
	}
	cases := map[string]parts{
		"sip:example.com":                          {Scheme: SchemeSIP, Host: "example.com"},
		"SIP:a@b":                                  {Scheme: SchemeSIP, User: "a", Host: "b"},
		"sips:a:b@c:5061":                          {Scheme: SchemeSIPS, User: "a", Password: "b", Host: "c", Port: 5061, HasPort: true},
		"sip:a:@c":                                 {Scheme: SchemeSIP, User: "a", Host: "c"},
		"sip:a@[2001:db8::1]:1;lr?x=y&z":           {Scheme: SchemeSIP, User: "a", Host: "[2001:db8::1]", Port: 1, HasPort: true, Params: "lr", Headers: "x=y&z"},
		"sip:a;b=c?d@e;f;g=h":                      {Scheme: SchemeSIP, User: "a;b=c?d", Host: "e", Params: "f;g=h"},
		"sip:h?a=b;c":                              {Scheme: SchemeSIP, Host: "h", Headers: "a=b;c"},
		"sip:a@h?b=c@d":                            {Scheme: SchemeSIP, User: "a", Host: "h", Headers: "b=c@d"},
		"sip:+1-201@h;user=phone":                  {Scheme: SchemeSIP, User: "+1-201", Host: "h", Params: "user=phone"},
		"sip:*21#@h":                               {Scheme: SchemeSIP, User: "*21#", Host: "h"},
		"sip:j\xc3\xb6@h":                          {Scheme: SchemeSIP, User: "j\xc3\xb6", Host: "h"},
		"sip:a_b.example.com.":                     {Scheme: SchemeSIP, Host: "a_b.example.com."},
		"tel:+1-201-555-0123":                      {Scheme: SchemeTel, User: "+1-201-555-0123"},
		"tel:7042;phone-context=example.com":       {Scheme: SchemeTel, User: "7042", Params: "phone-context=example.com"},
		"urn:service:sos":                          {Scheme: SchemeOther, Opq: "service:sos"},
		"soap.beep://192.0.2.103:3002":             {Scheme: SchemeOther, Opq: "//192.0.2.103:3002"},
		"sip:h;lr;":                                {Scheme: SchemeSIP, Host: "h", Params: "lr;"},
		"sip:127.0.0.1:65535;transport=tcp;x=a:b":  {Scheme: SchemeSIP, Host: "127.0.0.1", Port: 65535, HasPort: true, Params: "transport=tcp;x=a:b"},
		"sip:gruu@h;gr=urn:uuid:f81d4fae-7dec-11d": {Scheme: SchemeSIP, User: "gruu", Host: "h", Params: "gr=urn:uuid:f81d4fae-7dec-11d"},
	}
	for in, want := range cases {
		u, err := ParseURI([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := parts{u.Scheme, string(u.User), string(u.Password), string(u.Host), string(u.Params), string(u.Headers), "", u.Port, u.HasPort}
		if u.Scheme == SchemeOther {
			got.Opq = string(u.Opaque)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
}

// A URI of the plain kind is read in one pass; whatever that takes, it is what the general one finds.
func TestPlainURIsAreReadAsAllAre(t *testing.T) {
	part := rapid.StringMatching(`(([a-zA-Z0-9._~!$&'()*+,=/-]|%41|[:;?@"<> é]){0,3}){0,2}`)
	host := rapid.StringMatching(`(example\.com\.?|192\.0\.2\.1|\[2001:db8::1\]|\[fe80::1%25e\]|[a-z.\[:]{0,4})(:(5060|0|65536|x)?)?`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{"sip:", "SIPS:", "siP:", "tel:", "sip", "x:", ""}).Draw(t, "scheme")
		if rapid.Bool().Draw(t, "user") {
			text += part.Draw(t, "user part") + "@"
		}
		text += host.Draw(t, "host")
		if rapid.IntRange(0, 3).Draw(t, "more") == 0 {
			text += part.Draw(t, "rest")
		}
		var plain, general URI
		if !plain.parsePlain([]byte(text)) {
			if diff := cmp.Diff(URI{}, plain); diff != "" {
				t.Errorf("%q is not of the plain kind, and left %s", text, diff)
			}
			return
		}
		if !general.parse([]byte(text)) {
			t.Fatalf("%q is no URI", text)
		}
		if diff := cmp.Diff(general, plain); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	})
}

func TestParseURIRefuses(t *testing.T) {
	for _, in := range []string{
		"", ":", "sip", "sip:", ":a@b", "1sip:a@b", "si p:a@b", "sip:a b@c", "sip:a@b c", "<sip:a@b>", "sip:a@b>", `sip:"a"@b`,
		"sip:@b", "sip::p@b", "sip:a@", "sip:a@b@c", "sip:a@b;c@d", "sip:a%4@b", "sip:a%zz@b", "sip:%@b", "sip:a:%4@b",
		"sip:a@b:", "sip:a@b:0", "sip:a@b:65536", "sip:a@b:x", "sip:a@b:99999999999999999999", "sip:a@b:+1", "sip:a@b c",
		"sip:a@[::1", "sip:a@[::1]x", "sip:a@::1", "sip:a@[]", "sip:a@[1.2.3.4]", "sip:a@[::1%eth:0]", "sip:a@[1::2::3]",
		"sip:a@b;;c", "sip:a@b;=c", "sip:a@b;,", "sip:a@b!c", "sip:a@b..", "sip:a@.b", "sip:.", "sip:a@b..c", "sip:a\x00@b", "sip:a@b\x7f", "sip:a@b;c\r\n",
		"tel:", "tel:;a", "tel:+", "tel:+-", "tel:1+2", "tel:12x", "tel:1;;", "s_ip:x",
	} {
		if u, err := ParseURI([]byte(in)); err == nil {
			t.Errorf("%q was taken: %+v", in, u)
		}
	}
}

func TestURIParam(t *testing.T) {
	u, err := ParseURI([]byte("sip:a@b;Transport=TCP;lr;x=;Transport=UDP"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"transport": "TCP", "lr": "nil", "x": "", "y": "none"} {
		v, ok := u.Param(name)
		got := string(v)
		switch {
		case !ok:
			got = "none"
		case v == nil:
			got = "nil"
		}
		if got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// RFC 3261 10.3 step 5.
func TestCanonicalAOR(t *testing.T) {
	for in, want := range map[string]string{
		"sip:Alice@Example.COM":                                           "sip:Alice@example.com",
		"sips:alice@example.com":                                          "sip:alice@example.com",
		"sip:alice@example.com.":                                          "sip:alice@example.com",
		"sip:alice@example.com;transport=tcp?a=b":                         "sip:alice@example.com",
		"sip:alice;user-param@example.com;x":                              "sip:alice;user-param@example.com",
		"sip:alice:secret@example.com":                                    "sip:alice@example.com",
		"sip:%61lice@example.com":                                         "sip:alice@example.com",
		"sip:a%40b@example.com":                                           "sip:a%40b@example.com",
		"sip:a%3ab@example.com":                                           "sip:a%3Ab@example.com",
		"sip:a%3Bb@example.com":                                           "sip:a;b@example.com",
		"sip:a%2525@example.com":                                          "sip:a%2525@example.com",
		"sip:%00@example.com":                                             "sip:%00@example.com",
		"sip:*21#@example.com":                                            "sip:*21%23@example.com",
		"sip:j\xc3\xb6@example.com":                                       "sip:j%C3%B6@example.com",
		"sip:alice@example.com:5060":                                      "sip:alice@example.com",
		"sips:alice@example.com:5061":                                     "sip:alice@example.com",
		"sip:alice@example.com:5061":                                      "sip:alice@example.com:5061",
		"sips:alice@example.com:5060":                                     "sip:alice@example.com",
		"sip:EXAMPLE.com":                                                 "sip:example.com",
		"sip:a@[2001:DB8:0:0:0::1]:5070":                                  "sip:a@[2001:db8::1]:5070",
		"tel:+1-201-555-0123":                                             "tel:+12015550123",
		"tel:70-42;ext=1;phone-context=Example.com":                       "tel:7042;ext=1;phone-context=example.com",
		"tel:7042;PHONE-CONTEXT=+1-(201)":                                 "tel:7042;phone-context=+1201",
		"tel:7042;phone-context=[::FFFF:192.0.2.1]":                       "tel:7042;phone-context=192.0.2.1",
		"tel:+1201;x=y;ext=4-2;isub=AB":                                   "tel:+1201;isub=ab;ext=42",
		"tel:*21#":                                                        "tel:*21#",
		"sip:a@[::FFFF:c000:201]":                                         "sip:a@192.0.2.1",
		"sip:a@[FE80:0::01%25eth0]":                                       "sip:a@[fe80::1]",
		"sip:a@192.0.2.1.":                                                "sip:a@192.0.2.1",
		"sip:+1-201@Example.com;user=%70hONE":                             "sip:+1201@example.com",
		"sip:+1-201@Example.com;user=phone":                               "sip:+1201@example.com",
		"sip:%2A21%23@example.com;USER=Phone":                             "sip:*21%23@example.com",
		"sip:7.2;ext=1;phone-context=EXAMPLE.com.@example.com;user=phone": "sip:72;ext=1@example.com",
		"sip:7.2;phone-context=+1-2@example.com;user=phone":               "sip:72;phone-context=+12@example.com",
		"sip:be.ad@example.com;user=phone":                                "sip:be.ad@example.com",
		"sip:7.2@example.com":                                             "sip:7.2@example.com",
		"tel:+12015550123;phone-context=x":                                "tel:+12015550123",
		"URN:Service:sos":                                                 "urn:Service:sos",
	} {
		u, err := ParseURI([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got := CanonicalAOR([]byte("x"), u)
		if string(got) != "x"+want {
			t.Errorf("%s: got %s, want %s", in, got[1:], want)
		}
		again, err := ParseURI(got[1:])
		if err != nil || string(CanonicalAOR(nil, again)) != want {
			t.Errorf("%s: the form of %s is another one (%v)", in, want, err)
		}
	}
	if got := string(CanonicalAOR(nil, URI{})); got != ":" {
		t.Errorf("zero URI: %q", got)
	}
}

// RFC 3261 19.1.4, its examples first.
func TestEqualURI(t *testing.T) {
	many := strings.Repeat(";a", 70)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:a@b", "sips:a@b", false},
		{"sip:a@b", "sip:b", false},
		{"sip:a:p@b", "sip:a@b", false},
		{"sip:a:p@b", "sip:a:q@b", false},
		{"sip:a:@b", "sip:a@b", false},
		{"sip:a%3Bb@c", "sip:a;b@c", false},
		{"sip:a%3Bb@c", "sip:a%3bb@c", true},
		{"sip:a%2541@c", "sip:a%41@c", false},
		{"sip:a@b;x=1", "sip:a@b;X=2", false},
		{"sip:a@b;x", "sip:a@b;x=", true},
		{"sip:a@b;x=[", "sip:a@b;x={", false},
		{"sip:a@b;x=\xc1", "sip:a@b;x=\xe1", false},
		{"sip:a@b;user=ip", "sip:a@b", false},
		{"sip:a@b;%75ser=ip", "sip:a@b;user=%69p", true},
		{"sip:a@b;ttl=1", "sip:a@b", false},
		{"sip:a@b;method=INVITE", "sip:a@b", false},
		{"sip:a@b", "sip:a@b;maddr=c", false},
		{"sip:a@b?x=1", "sip:a@b?x=2", false},
		{"sip:a@b?x=1", "sip:a@b?X=1", true},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]", true},
		{"sip:a@[2001:db8::1]", "sip:a@[2001:db8::2]", false},
		{"sip:a@[::ffff:192.0.2.1]", "sip:a@192.0.2.1", true},
		{"sip:a@192.0.2.1.", "sip:a@192.0.2.1", true},
		{"sip:a@192.0.2.1.", "sip:a@[::ffff:192.0.2.1]", true},
		{"sip:a@b.", "sip:a@B", true},
		{"sip:a@[fe80::1%4]", "sip:a@[fe80::1]", true},
		{"tel:+1-201", "tel:+1(201)", true},
		{"tel:+1201;ext=1", "tel:+1201", false},
		{"tel:+1201", "tel:+1202", false},
		{"urn:a", "URN:a", true},
		{"urn:a", "urn:A", false},
		{"no uri", "no uri", true},
		{"no uri", "no  uri", false},
		{"sip:a@b" + many, "sip:a@b" + many, true},
		{"sip:a@b" + many, "sip:a@b" + many + ";a", false},
	} {
		if got := EqualURI([]byte(c.a), []byte(c.b)); got != c.want {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
		if c.want && HashURI([]byte(c.a)) != HashURI([]byte(c.b)) {
			t.Errorf("%s and %s are equal but not by their hash", c.a, c.b)
		}
		if got := EqualURI([]byte(c.b), []byte(c.a)); got != c.want {
			t.Errorf("%s and %s: %v", c.b, c.a, got)
		}
	}
}

// What differs for all contacts that are any use is told apart by the hash alone.
func TestHashURI(t *testing.T) {
	seen := map[uint64]string{}
	for _, s := range []string{
		"sip:a@b", "sips:a@b", "sip:b@b", "sip:A@b", "sip:a:p@b", "sip:a:@b", "sip:a@c", "sip:b", "sip:a@b:5060", "sip:a@b:5061", "sip:a@192.0.2.1",
		"sip:a@192.0.2.2", "sip:a@[2001:db8::1]", "sip:a@b;transport=udp", "sip:a@b;transport=tcp", "sip:a@b;maddr=udp", "sip:a@b;user=phone",
		"sip:a%3bb@c", "sip:a;b@c", "tel:1",
	} {
		h := HashURI([]byte(s))
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", s, other)
		}
		seen[h] = s
	}
}

// TestHashURIIsOfThisProcess: no hash that anybody can compute, as FNV-1a is, under which the URI has this number.
func TestHashURIIsOfThisProcess(t *testing.T) {
	const uri = "sip:alice@192.0.2.1:5060"
	if got := HashURI([]byte(uri)); got == 0xadb7847f802a8ac0 || got != HashURI([]byte(uri)) {
		t.Errorf("%s is %#x here, and everywhere", uri, got)
	}
}

// Equal URIs have equal hashes.
func TestHashURIFollowsEqualURI(t *testing.T) {
	part := func(s ...string) *rapid.Generator[string] { return rapid.SampledFrom(s) }
	uri := rapid.Custom(func(t *rapid.T) string {
		return part("sip", "SIP", "sips").Draw(t, "scheme") + ":" + part("", "a@", "%61@", "a:p@", "a:@", "%3b@", "%3B@").Draw(t, "user") +
			part("h", "H", "h.", "192.0.2.1", "192.0.2.1.", "[::ffff:192.0.2.1]", "[::FFFF:C000:201]", "[::1]", "[0::1]", "[::1%1]").Draw(t, "host") + part("", ":5060").Draw(t, "port") +
			part("", ";x", ";X=1", ";x=1", ";%78=1").Draw(t, "param") + part("", ";user=a", ";USER=%41", ";transport=udp").Draw(t, "significant") +
			part("", "?a=b", "?A=b").Draw(t, "header")
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := []byte(uri.Draw(t, "a")), []byte(uri.Draw(t, "b"))
		if EqualURI(a, b) && HashURI(a) != HashURI(b) {
			t.Fatalf("%s and %s are equal but not by their hash", a, b)
		}
	})
}

func TestHostAddr(t *testing.T) {
	for _, in := range []string{
		"1.2.3.4", "255.255.255.255", "0.0.0.0", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.x", "", ".", "a.b",
		"::", "::1", "1::", "2001:db8::9:1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7", "::ffff:192.0.2.1", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "1::2::3", "12345::", "::1:",
		":1", "1:", ":", "::g", "::1.2.3", "fe80::1%eth0", "1.2.3.4::", "::1.2.3.4:5",
	} {
		want, err := netip.ParseAddr(in)
		ok, six := err == nil, want.Is6()
		want = want.Unmap().WithZone("")
		got, gotOK := HostAddr([]byte(in))
		if gotOK != ok || ok && got != want {
			t.Errorf("%q: got %v %v, want %v %v", in, got, gotOK, want, ok)
		}
		if six && ok {
			if got, ok := HostAddr([]byte("[" + in + "]")); !ok || got != want {
				t.Errorf("[%s]: got %v %v", in, got, ok)
			}
		}
	}
	for in, want := range map[string]string{ // RFC 5118 4.10
		"[2001:db8:::192.0.2.1]": "2001:db8::c000:201", "[:::192.0.2.1]": "::c000:201",
	} {
		if got, ok := HostAddr([]byte(in)); !ok || got.String() != want {
			t.Errorf("%s: %v %v", in, got, ok)
		}
	}
	if got, ok := HostAddr([]byte("1.2.3.4.")); !ok || got.String() != "1.2.3.4" {
		t.Errorf("with a final dot: %v %v", got, ok)
	}
	for _, in := range []string{"1.2.3.4..", "[1.2.3.4]", "[]", "[", "]", "[::1", ":::", "[2001:db8:::1]", "::::1.2.3.4", "[::1%]", "::1%a:1", "192.0.2.1%1"} {
		if got, ok := HostAddr([]byte(in)); ok {
			t.Errorf("%s: %v", in, got)
		}
	}
}

// TestCanonicalHost: what is one host has one form, however it is written.
func TestCanonicalHost(t *testing.T) {
	for want, forms := range map[string][]string{
		"example.com":   {"example.com", "EXAMPLE.com", "example.com.", "Example.Com."},
		"192.0.2.1":     {"192.0.2.1", "192.0.2.1.", "[::ffff:192.0.2.1]", "::ffff:192.0.2.1", "[::FFFF:C000:0201]", "[0:0:0:0:0:ffff:c000:201]", "[::ffff:192.0.2.1%4]"},
		"[2001:db8::1]": {"[2001:db8::1]", "2001:db8::1", "[2001:DB8::1]", "[2001:0db8:0000::0001]", "[2001:db8:0:0:0:0:0.0.0.1]", "[2001:db8::1%eth0]"},
	} {
		for _, host := range forms {
			if got := string(CanonicalHost([]byte("x"), []byte(host))); got != "x"+want {
				t.Errorf("%s: %s, want %s", host, got[1:], want)
			}
		}
	}
}

// RFC 3261 19.1.6: a tel URI and the SIP URI of its number are one address.
func TestAppendTelUser(t *testing.T) {
	for tel, sip := range map[string]string{
		"tel:*21#": "sip:*21%23@example.com", "tel:+1-201-(55)5": "sip:+120155.5@example.com;user=phone",
		"tel:70.42;phone-context=Example.com.": "sip:7042@example.com", "tel:7042;phone-context=+1-2": "sip:7042;phone-context=+12@example.com",
		"tel:+12;ext=3-4;npdi": "sip:+12;ext=34@example.com;user=phone", "tel:+12;isub=a:%62": "sip:+12;isub=a%3Ab@example.com",
	} {
		u, err := ParseURI([]byte(tel))
		if err != nil {
			t.Fatal(err)
		}
		v, err := ParseURI([]byte(sip))
		if err != nil {
			t.Fatal(err)
		}
		got := "sip:" + string(AppendTelUser(nil, u, []byte("EXAMPLE.com"))) + "@example.com"
		if want := string(CanonicalAOR(nil, v)); got != want {
			t.Errorf("%s is %s, and %s is %s", tel, got, sip, want)
		}
	}
}
