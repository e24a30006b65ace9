package wire

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// RFC 3261 7.3.1.
func TestValues(t *testing.T) {
	for name, c := range map[string]struct {
		id      HeaderID
		headers string
		want    []string
	}{
		"none":                    {HeaderRoute, "Via: a\r\n", nil},
		"one":                     {HeaderRoute, "Route: <a>\r\n", []string{"<a>"}},
		"lines in order":          {HeaderRoute, "Route: <a>\r\nX: y\r\nROUTE: <b>\r\n", []string{"<a>", "<b>"}},
		"list":                    {HeaderRoute, "Route: <a> ,<b>,\r\n <c>\r\n", []string{"<a>", "<b>", "<c>"}},
		"list and lines":          {HeaderRoute, "Route: <a>,<b>\r\nRoute: <c>\r\n", []string{"<a>", "<b>", "<c>"}},
		"empty elements":          {HeaderSupported, "k: ,, a,\r\nk:\r\nk: ,b\r\n", []string{"a", "b"}},
		"comma in quotes":         {HeaderContact, "m: \"a, b\" <c>, \"d\\\", e\" <f>\r\n", []string{`"a, b" <c>`, `"d\", e" <f>`}},
		"comma in angle brackets": {HeaderContact, "m: <sip:a,b@c>, <d>\r\n", []string{"<sip:a,b@c>", "<d>"}},
		"quote in angle brackets": {HeaderContact, "m: <sip:a\"b@c>, <d>\r\n", []string{"<sip:a\"b@c>", "<d>"}},
		"bracket in quotes":       {HeaderContact, "m: \"<\" <c>, <d>\r\n", []string{`"<" <c>`, "<d>"}},
		"quote that does not end": {HeaderContact, "m: \"a, b <c>, <d>\r\n", []string{`"a, b <c>, <d>`}},
		"bracket that has no end": {HeaderContact, "m: <a, b, c\r\n", []string{"<a, b, c"}},
		"quoted parameter":        {HeaderContact, "m: <a>;x=\"1,2\", <b>\r\n", []string{`<a>;x="1,2"`, "<b>"}},
		"plain, then quoted":      {HeaderContact, "m: sip:a, \"b,c\" <d>\r\n", []string{"sip:a", `"b,c" <d>`}},
		"backslash at the end":    {HeaderContact, "m: \"a\\\r\n", []string{`"a\`}},
		"no list: Subject":        {HeaderSubject, "Subject: a, b\r\n", []string{"a, b"}},
		"no list: Date":           {HeaderDate, "Date: Sat, 15 Oct 2005 04:44:56 GMT\r\n", []string{"Sat, 15 Oct 2005 04:44:56 GMT"}},
		"no list: Authorization":  {HeaderAuthorization, "Authorization: Digest a=\"b\", c=d\r\n", []string{`Digest a="b", c=d`}},
		"no list, empty":          {HeaderSubject, "s:\r\n", []string{""}},
		"others come whole":       {HeaderOther, "Xx: a, b\r\nVia: c\r\nYy: d\r\n", []string{"a, b", "d"}},
		"ID out of range":         {headerCount, "X: a\r\n", nil},
	} {
		m := mustScan(t, "OPTIONS sip:a SIP/2.0\r\n"+c.headers+"\r\n")
		if diff := cmp.Diff(c.want, values(m, c.id)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestValuesStop(t *testing.T) {
	m := mustScan(t, "OPTIONS sip:a SIP/2.0\r\nRoute: <a>, <b>\r\nRoute: <c>\r\n\r\n")
	count := 0
	for range m.Values(HeaderRoute) {
		count++
		if count == 2 {
			break
		}
	}
	if count != 2 {
		t.Errorf("%d values", count)
	}
}

func TestGet(t *testing.T) {
	m := mustScan(t, "OPTIONS sip:a SIP/2.0\r\nRoute: <a>, <b>\r\nX-One: 1\r\nx-two: 2\r\nX-ONE: 3\r\n\r\n")
	if v, ok := m.Get(HeaderRoute); !ok || string(v) != "<a>, <b>" {
		t.Errorf("Get does not split: %q %v", v, ok)
	}
	if v, ok := m.Get(HeaderVia); ok || v != nil {
		t.Errorf("no Via, but %q", v)
	}
	for name, want := range map[string]string{"x-one": "1", "X-Two": "2", "X-Three": "none", "route": "<a>, <b>", "v": "none"} {
		v, ok := m.byName(name)
		if !ok {
			v = []byte("none")
		}
		if string(v) != want {
			t.Errorf("%s: %q", name, v)
		}
	}
	if m.Has(headerCount) || m.Index(headerCount) != -1 {
		t.Error("an ID that is none is there")
	}
}

func TestValidate(t *testing.T) {
	ok := request()
	without := func(name string) string {
		start := strings.Index(ok, name)
		return ok[:start] + ok[start+strings.Index(ok[start:], "\r\n")+2:]
	}
	replaced := func(old, new string) string {
		if !strings.Contains(ok, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(ok, old, new, 1)
	}
	for name, c := range map[string]struct{ raw, want string }{
		"3261-8.1.1 all there":                   {ok, "ok"},
		"3261-8.1.1 no Via":                      {without("Via"), "400 Missing Via"},
		"3261-8.1.1 no From":                     {without("From"), "400 Missing From"},
		"3261-8.1.1 no To":                       {without("To"), "400 Missing To"},
		"3261-8.1.1 no Call-ID":                  {without("Call-ID"), "400 Missing Call-ID"},
		"3261-8.1.1 no CSeq":                     {without("CSeq"), "400 Missing CSeq"},
		"3261-8.1.1.3 From *":                    {replaced("<sip:alice@example.com>", "*"), "400 Malformed From"},
		"3261-8.1.1.4 Call-ID with space":        {replaced("1@192", "1 @192"), "400 Malformed Call-ID"},
		"3261-8.1.1.4 Call-ID as tags":           {replaced("1@192", "#$=;&,|^\xe4@192"), "ok"},
		"3261-8.1.1.4 Call-ID folded":            {replaced("1@192", "1\r\n @192"), "400 Malformed Call-ID"},
		"3261-8.1.1.4 Call-ID with a control":    {replaced("1@192", "1\x01@192"), "400 Control Character In Header"},
		"3261-8.1.1.4 Call-ID empty":             {replaced("1@192.0.2.1", ""), "400 Malformed Call-ID"},
		"3261-8.1.1.5 number 2**31-1":            {replaced("1 OPT", "2147483647 OPT"), "ok"},
		"3261-8.1.1.5 number 2**31":              {replaced("1 OPT", "2147483648 OPT"), "400 Malformed CSeq"},
		"3261-8.1.1.5 no number":                 {replaced("1 OPT", "OPT"), "400 Malformed CSeq"},
		"3261-8.1.1.5 no space":                  {replaced("1 OPT", "1OPT"), "400 Malformed CSeq"},
		"3261-8.1.1.5 no method":                 {replaced("1 OPTIONS", "1"), "400 Malformed CSeq"},
		"3261-8.1.1.5 two methods":               {replaced("1 OPTIONS", "1 OPTIONS x"), "400 Malformed CSeq"},
		"3261-8.1.1.5 folded":                    {replaced("1 OPTIONS", "1\r\n OPTIONS"), "ok"},
		"3261-8.1.1.5 method of another case":    {replaced("1 OPTIONS", "1 options"), "400 CSeq method does not match request method"},
		"3261-16.3 URI without scheme":           {replaced("sip:bob@example.com SIP", "bob SIP"), "400 Malformed Request-URI"},
		"3261-16.3 tel URI":                      {replaced("sip:bob@example.com SIP", "tel:+1201 SIP"), "ok"},
		"3261-16.3 unknown scheme":               {replaced("sip:bob@example.com SIP", "urn:service:sos SIP"), "ok"},
		"3261-16.6-3 Max-Forwards absent":        {ok, "ok"},
		"3261-20.22 Max-Forwards 255":            {request("Max-Forwards: 255"), "ok"},
		"3261-20.22 Max-Forwards 256":            {request("Max-Forwards: 256"), "400 Malformed Max-Forwards"},
		"3261-20.22 Max-Forwards -1":             {request("Max-Forwards: -1"), "400 Malformed Max-Forwards"},
		"3261-20.22 Max-Forwards empty":          {request("Max-Forwards:"), "400 Malformed Max-Forwards"},
		"5393-5.3.1 Max-Breadth 1":               {request("Max-Breadth: 1"), "ok"},
		"5393-5.3.1 Max-Breadth 99999999999":     {request("Max-Breadth: 99999999999"), "ok"},
		"5393-5.3.1 Max-Breadth 0":               {request("Max-Breadth: 0"), "400 Malformed Max-Breadth"},
		"5393-5.3.1 Max-Breadth 5;a":             {request("Max-Breadth: 5;a"), "400 Malformed Max-Breadth"},
		"5393-5.3.3 Max-Breadth twice":           {request("Max-Breadth: 5", "Max-Breadth: 5"), "400 Duplicate Max-Breadth"},
		"3261-20.19 malformed Expires is 3600":   {request("Expires: soon"), "ok"},
		"3261-7.3.1 From twice":                  {request("f: <sip:x@y>;tag=1"), "400 Duplicate From"},
		"3261-7.3.1 Call-ID twice":               {request("i: x"), "400 Duplicate Call-ID"},
		"3261-7.3.1 CSeq twice":                  {request("CSeq: 1 OPTIONS"), "400 Duplicate CSeq"},
		"3261-7.3.1 Max-Forwards twice":          {request("Max-Forwards: 7", "Max-Forwards: 7"), "400 Duplicate Max-Forwards"},
		"3261-7.3.1 Via, Route, Contact twice":   {request("Via: x", "Route: <a>", "Route: <b>", "m: <c>", "m: <d>"), "ok"},
		"3261-16.3-1 what a proxy does not read": {request("Expires: 1", "Expires: 2", "Event: a", "o: b", "Content-Type: a/b", "c: a/b", "Refer-To: <a:b>", "r: <a:c>", "Replaces: 1", "Replaces: 2", "x: 90", "x: 91", "Min-SE: 90", "Min-SE: 91", "RAck: 1 1 A", "RAck: 2 1 A", "SIP-If-Match: a", "SIP-If-Match: b"), "ok"},
		"3261-20.19 Expires twice, registrar":    {strings.ReplaceAll(request("Expires: 1", "Expires: 1"), "OPTIONS", "REGISTER"), "400 Duplicate Expires"},
		"3261-7.3.1 unknown header twice":        {request("X-A: 1", "X-A: 2"), "ok"},
		"2543 From without tag":                  {replaced(";tag=1", ""), "ok"},
		"response":                               {"SIP/2.0 200 OK\r\n" + strings.SplitN(ok, "\r\n", 2)[1], "ok"},
		"response without Via":                   {"SIP/2.0 200 OK\r\n" + strings.SplitN(without("Via"), "\r\n", 2)[1], "0 Missing Via"},
		"response with two To":                   {"SIP/2.0 200 OK\r\nt: <sip:c@d>\r\n" + strings.SplitN(ok, "\r\n", 2)[1], "0 Duplicate To"},
		"response with two Expires":              {"SIP/2.0 200 OK\r\nExpires: 1\r\nExpires: 1\r\n" + strings.SplitN(ok, "\r\n", 2)[1], "ok"},
		"response to what Max-Forwards spoiled":  {"SIP/2.0 200 OK\r\nMax-Forwards: x\r\n" + strings.SplitN(ok, "\r\n", 2)[1], "ok"},
	} {
		var m Message
		if got := verdict(scanAndValidate(&m, []byte(c.raw))); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for value, want := range map[string]string{
		"0": "0 ok", "3600": "3600 ok", "4294967295": "4294967295 ok", "4294967296": "4294967295 ok",
		"99999999999999999999999": "4294967295 ok", "": "0 400 Malformed Expires", "1s": "0 400 Malformed Expires", "-1": "0 400 Malformed Expires",
	} {
		m := mustScan(t, request("Expires: "+value))
		n, ok, err := m.Expires()
		if got := strconv.FormatUint(uint64(n), 10) + " " + verdict(err); !ok || got != want {
			t.Errorf("Expires %q: %s", value, got)
		}
	}
	m := mustScan(t, request())
	if _, ok, err := m.Expires(); ok || err != nil {
		t.Errorf("Expires %v %v", ok, err)
	}
	if _, ok, err := m.MaxForwards(); ok || err != nil {
		t.Errorf("Max-Forwards %v %v", ok, err)
	}
	if _, ok, err := m.MaxBreadth(); ok || err != nil {
		t.Errorf("Max-Breadth %v %v", ok, err)
	}
}

func TestMaxBreadth(t *testing.T) {
	for value, want := range map[string]int{"1": 1, "060": 60, "2147483647": 1<<31 - 1, "2147483648": 1<<31 - 1, "99999999999999999999999": 1<<31 - 1} {
		if n, ok, err := mustScan(t, request("Max-Breadth: "+value)).MaxBreadth(); n != want || !ok || err != nil {
			t.Errorf("Max-Breadth %s: %d %v %v", value, n, ok, err)
		}
	}
}

// CutValue splits a list as Values does.
func TestCutValue(t *testing.T) {
	for _, list := range []string{"", ",", " , ,", "a", "<a,b>, \"c,d\" <e> ;f=\"g,h\",,i,", " a\r\n , b", "\"open, a", "<open, a"} {
		m := mustScan(t, "OPTIONS sip:a SIP/2.0\r\nRoute: "+list+"\r\n\r\n")
		got := []string{}
		for v, rest := CutValue([]byte(list)); v != nil; v, rest = CutValue(rest) {
			got = append(got, string(v))
		}
		want := []string{}
		for v := range m.Values(HeaderRoute) {
			want = append(want, string(v))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", list, d)
		}
	}
}

// byName returns the value of the first header of this name, in any case.
func (m *Message) byName(name string) ([]byte, bool) {
	if id := LookupHeader(name); id != HeaderOther {
		return m.Get(id)
	}
	if i := m.indexOther(name); i >= 0 {
		return m.Headers[i].Value.In(m.Raw), true
	}
	return nil, false
}
