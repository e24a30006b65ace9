package wire

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNameAddr(t *testing.T) {
	type parts struct {
		Display, URI, Params string
		Star                 bool
	}
	for in, want := range map[string]parts{
		"sip:a@b":                        {URI: "sip:a@b"},
		"sip:a@b;tag=1":                  {URI: "sip:a@b", Params: "tag=1"},
		"sip:a@b ; tag = 1":              {URI: "sip:a@b", Params: " tag = 1"},
		"<sip:a@b>":                      {URI: "sip:a@b"},
		"<sip:a@b;lr>;tag=1":             {URI: "sip:a@b;lr", Params: "tag=1"},
		"<sip:a@b?c=d>\r\n ;tag=1":       {URI: "sip:a@b?c=d", Params: "tag=1"},
		"Alice <sip:a@b>":                {Display: "Alice", URI: "sip:a@b"},
		"Alice<sip:a@b>":                 {Display: "Alice", URI: "sip:a@b"},
		"Alice B. Cee <sip:a@b>":         {Display: "Alice B. Cee", URI: "sip:a@b"},
		"J\xc3\xb6rg <sip:a@b>":          {Display: "J\xc3\xb6rg", URI: "sip:a@b"},
		`"Alice \"A\" <B>, C" <sip:a@b>`: {Display: `Alice \"A\" <B>, C`, URI: "sip:a@b"},
		`"" <sip:a@b>`:                   {URI: "sip:a@b"},
		`"a\\"<sip:a@b>`:                 {Display: `a\\`, URI: "sip:a@b"},
		`<sip:a@b>;+sip.instance="<urn:uuid:1>";x="a;b,c"`: {URI: "sip:a@b", Params: `+sip.instance="<urn:uuid:1>";x="a;b,c"`},
		"*":                        {Star: true},
		" <tel:+1201> ":            {URI: "tel:+1201"},
		"<http://www.example.com>": {URI: "http://www.example.com"},
	} {
		n, err := ParseNameAddr([]byte(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, parts{string(n.Display), string(n.URI), string(n.Params), n.Star}); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

func TestParseNameAddrRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "<>", "<a>", "a;tag=1", "*;tag=1", ":a", "<", "<sip:a@b", "sip:a@b>", `"Alice`, `"Alice" sip:a@b`, `"Alice <sip:a@b>`, `"Alice\" <sip:a@b>`, "Bell, A <sip:a@b>",
		"< sip:a@b>", "<sip:a@b >", "<sip:a@b> x", "<sip:a@b>,", "<sip:a@b>;;tag=1", "<sip:a@b>;=1", `<sip:a@b>;x="y`, `<sip:a@b>;x=y"z"`,
		"sip:a@b?c=d", "sip:a@b,sip:c@d", ";tag=1", "sip:a b", "<sip:a@b>;tag=1,<sip:c@d>", `a "b" <sip:a@b>`, "<sip:a@b><sip:c@d>",
	} {
		if n, err := ParseNameAddr([]byte(in)); err == nil {
			t.Errorf("%q was taken: %+v", in, n)
		}
	}
}

func TestNameAddrParam(t *testing.T) {
	n, err := ParseNameAddr([]byte(`<sip:a@b;expires=1>;Expires=60;+sip.instance="<urn:uuid:1>";reg-id = 1 ;ob;tag=x`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"expires": "60", "+sip.instance": "<urn:uuid:1>", "reg-id": "1", "ob": "", "TAG": "x"} {
		if got, ok := n.Param(name); !ok || string(got) != want {
			t.Errorf("%s is %q %v, want %q", name, got, ok, want)
		}
	}
	if _, ok := n.Param("lr"); ok {
		t.Error("lr is not there")
	}
	if got := string(n.Tag()); got != "x" {
		t.Errorf("tag %q", got)
	}
}
