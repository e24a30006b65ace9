package wire

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// request is a valid request, with the given lines before its blank line and an empty body.
func request(lines ...string) string {
	return "OPTIONS sip:bob@example.com SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" +
		"From: <sip:alice@example.com>;tag=1\r\n" +
		"To: <sip:bob@example.com>\r\n" +
		"Call-ID: 1@192.0.2.1\r\n" +
		"CSeq: 1 OPTIONS\r\n" +
		strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

func mustScan(t testing.TB, raw string) *Message {
	t.Helper()
	m := new(Message)
	if err := m.Scan([]byte(raw), nil); err != nil {
		t.Fatalf("scan %q: %v", raw, err)
	}
	return m
}

func TestScanVerdicts(t *testing.T) {
	ok := request()
	head := strings.TrimSuffix(ok, "\r\n")
	cases := map[string]struct{ raw, want string }{
		"3261-7.1 minimal request":            {ok, "ok"},
		"3261-7.1 version in any case":        {strings.Replace(ok, "SIP/2.0\r", "sip/2.0\r", 1), "ok"},
		"3261-7.1 unknown method":             {strings.Replace(ok, "OPTIONS sip", "NEW-method sip", 1), "ok"},
		"3261-7.1 method is no token":         {strings.Replace(ok, "OPTIONS sip", "OPT@IONS sip", 1), "0 Not SIP"},
		"3261-7.1 no URI":                     {strings.Replace(ok, "sip:bob@example.com SIP", "SIP", 1), "400 Malformed Request-Line"},
		"3261-7.1 empty URI":                  {strings.Replace(ok, "sip:bob@example.com SIP", " SIP", 1), "400 Malformed Request-Line"},
		"3261-7.1 space in URI":               {strings.Replace(ok, "bob@", "bob @", 1), "400 Malformed Request-URI"},
		"3261-7.1 tab in URI":                 {strings.Replace(ok, "bob@", "bob\t@", 1), "400 Malformed Request-URI"},
		"3261-7.1 leading space":              {" " + ok, "400 Malformed Request-Line"},
		"3261-7.1 version 3.0":                {strings.Replace(ok, "SIP/2.0\r", "SIP/3.0\r", 1), "505 Version Not Supported"},
		"3261-7.1 version 2.00":               {strings.Replace(ok, "SIP/2.0\r", "SIP/2.00\r", 1), "505 Version Not Supported"},
		"3261-7.1 version without number":     {strings.Replace(ok, "SIP/2.0\r", "SIP/x\r", 1), "400 Malformed Request-Line"},
		"3261-7.1 HTTP":                       {strings.Replace(ok, "SIP/2.0\r", "HTTP/1.1\r", 1), "0 Not SIP"},
		"3261-7.1 no line end":                {"OPTIONS sip:bob@example.com SIP/2.0", "0 Not SIP"},
		"3261-7.2 response":                   {"SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n", "ok"},
		"3261-7.2 no reason":                  {"SIP/2.0 200 \r\n\r\n", "ok"},
		"3261-7.2 no reason and no space":     {"SIP/2.0 200\r\n\r\n", "ok"},
		"3261-7.2 code of four digits":        {"SIP/2.0 2000 OK\r\n\r\n", "0 Malformed Status-Line"},
		"3261-7.2 code of two digits":         {"SIP/2.0 20 OK\r\n\r\n", "0 Malformed Status-Line"},
		"3261-7.2 code 099":                   {"SIP/2.0 099 OK\r\n\r\n", "0 Malformed Status-Line"},
		"3261-7.2 code 700":                   {"SIP/2.0 700 OK\r\n\r\n", "0 Malformed Status-Line"},
		"3261-7.2 version 3.0 in a response":  {"SIP/3.0 200 OK\r\n\r\n", "0 Malformed Status-Line"},
		"3261-7.2 only the version":           {"SIP/\r\n\r\n", "0 Malformed Status-Line"},
		"3261-7.5 leading line ends":          {"\r\n\r\n" + ok, "ok"},
		"5626-3.5.1 ping":                     {"\r\n\r\n", "0 Empty Message"},
		"5626-3.5.1 pong":                     {"\r\n", "0 Empty Message"},
		"empty datagram":                      {"", "0 Empty Message"},
		"bare LF":                             {strings.ReplaceAll(ok, "\r\n", "\n"), "ok"},
		"bare CR in a value":                  {request("Subject: a\rVia: x"), "400 CR Without LF"},
		"bare CR after another fault":         {request("no colon", "Subject: a\rVia: x"), "400 Malformed Header Field"},
		"NUL after another fault":             {request("no colon", "Subject: \x00"), "400 Malformed Header Field"},
		"bare CR where nobody looks":          {strings.TrimSuffix(request("Subject: x"), "\r\n") + "Via: \r", "400 Missing Blank Line"},
		"bare CR in the body":                 {request() + "a\rb", "ok"},
		"two CR before LF":                    {request("Subject: a\r"), "400 CR Without LF"},
		"bare CR in the start line":           {strings.Replace(ok, "bob@", "bob\r@", 1), "400 Malformed Request-URI"},
		"3261-7.3.1 no colon":                 {request("Subject"), "400 Malformed Header Field"},
		"3261-7.3.1 no name":                  {request(": x"), "400 Malformed Header Field"},
		"3261-7.3.1 space in name":            {request("Sub ject: x"), "400 Malformed Header Field"},
		"3261-7.3.1 space before colon":       {request("Subject \t: x"), "ok"},
		"3261-7.3.1 name is no token":         {request("Sub(ject: x"), "400 Malformed Header Field"},
		"3261-7.3.1 fold":                     {request("Subject: a", " b"), "ok"},
		"3261-7.3.1 fold of nothing":          {request("Subject:", "\t"), "ok"},
		"3261-7.3.1 fold before any header":   {"OPTIONS sip:bob@example.com SIP/2.0\r\n Via: x\r\n\r\n", "400 Malformed Header Field"},
		"3261-7 missing blank line":           {head, "400 Missing Blank Line"},
		"3261-7 cut in a header":              {head[:len(head)-4], "400 Missing Blank Line"},
		"3261-7 cut in a fold":                {head + "Subject: a\r\n b", "400 Missing Blank Line"},
		"3261-7 blank line in a response":     {"SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n", "0 Missing Blank Line"},
		"3261-25.1 NUL":                       {request("Subject: a\x00b"), "400 NUL In Header"},
		"3261-25.1 NUL as quoted-pair":        {request("Subject: \"a\\\x00b\""), "ok"},
		"3261-25.1 NUL after quoted-pair":     {request("Subject: \"a\\\\\x00b\""), "400 NUL In Header"},
		"3261-25.1 vertical tab":              {request("X: a\x0bVia: b"), "400 Control Character In Header"},
		"3261-25.1 DEL":                       {request("X: a\x7f"), "400 Control Character In Header"},
		"3261-25.1 BEL as quoted-pair":        {request("Subject: \"a\\\x07b\""), "ok"},
		"3261-25.1 HTAB":                      {request("Subject: a\tb"), "ok"},
		"3261-25.1 UTF-8":                     {request("Subject: \xc3\xa4"), "ok"},
		"bare CR in a response":               {"SIP/2.0 200 OK\r\nX: a\rb\r\n\r\n", "0 CR Without LF"},
		"NUL in a response":                   {"SIP/2.0 200 OK\r\nX: a\x00b\r\n\r\n", "0 NUL In Header"},
		"BEL in a response":                   {"SIP/2.0 200 OK\r\nX: a\x07b\r\n\r\n", "ok"},
		"3261-18.3 no Content-Length":         {ok + "body", "ok"},
		"3261-18.3 body as long":              {request("Content-Length: 4") + "body", "ok"},
		"3261-18.3 body longer":               {request("Content-Length: 4") + "body and more", "ok"},
		"3261-18.3 body shorter":              {request("Content-Length: 5") + "body", "400 Body Shorter Than Content-Length"},
		"3261-18.3 body shorter, response":    {"SIP/2.0 200 OK\r\nl: 1\r\n\r\n", "0 Body Shorter Than Content-Length"},
		"3261-20.14 compact":                  {request("l:4") + "body", "ok"},
		"3261-20.14 leading zeros":            {request("l:0004") + "body", "ok"},
		"3261-20.14 negative":                 {request("Content-Length: -1"), "400 Malformed Content-Length"},
		"3261-20.14 sign":                     {request("Content-Length: +0"), "400 Malformed Content-Length"},
		"3261-20.14 hexadecimal":              {request("Content-Length: 0x0"), "400 Malformed Content-Length"},
		"3261-20.14 empty":                    {request("Content-Length:"), "400 Malformed Content-Length"},
		"3261-20.14 list":                     {request("Content-Length: 0, 0"), "400 Malformed Content-Length"},
		"3261-20.14 overflow":                 {request("Content-Length: 18446744073709551616"), "400 Body Shorter Than Content-Length"},
		"3261-20.14 twice":                    {request("Content-Length: 0", "l: 0"), "400 Duplicate Content-Length"},
		"limits: URI":                         {strings.Replace(ok, "bob@", strings.Repeat("b", 2048)+"@", 1), "414 Request-URI Too Long"},
		"limits: status line":                 {"SIP/2.0 200 " + strings.Repeat("x", 2048) + "\r\n\r\n", "0 Message Too Large"},
		"limits: header":                      {request("Subject: " + strings.Repeat("x", 8192)), "513 Header Field Too Long"},
		"limits: header in folds":             {request("Subject: x" + strings.Repeat("\r\n xxxxxxx", 1000)), "513 Header Field Too Long"},
		"limits: headers":                     {request(strings.Split(strings.Repeat("A: b,", 128), ",")[:128]...), "513 Too Many Header Fields"},
		"limits: message":                     {request() + strings.Repeat("x", 65535), "513 Message Too Large"},
		"limits: what follows does not count": {request("l: 0") + strings.Repeat("x", 65535), "ok"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var m Message
			if got := verdict(m.Scan([]byte(c.raw), nil)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestScanOwnLimits(t *testing.T) {
	ok := []byte(request("Subject: 1234567890123456789012345678901234567890"))
	const headers, longest, startLine = 6, 51, 35
	for name, c := range map[string]struct {
		limits Limits
		want   string
	}{
		"as much as there is": {Limits{len(ok), headers, longest, startLine}, "ok"},
		"zero is the default": {Limits{}, "ok"},
		"message":             {Limits{MaxMessage: len(ok) - 1}, "513 Message Too Large"},
		"headers":             {Limits{MaxHeaders: headers - 1}, "513 Too Many Header Fields"},
		"header":              {Limits{MaxHeaderLen: longest - 1}, "513 Header Field Too Long"},
		"start line":          {Limits{MaxStartLine: startLine - 1}, "414 Request-URI Too Long"},
	} {
		var m Message
		if got := verdict(m.Scan(ok, &c.limits)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestScanView(t *testing.T) {
	m := mustScan(t, "\r\nINVITE sip:bob@example.com SIP/2.0\r\nv : SIP/2.0/UDP a,\r\n SIP/2.0/TCP b \r\nX-Y:\r\nsubject:  two\n\t words\t\r\nl: 2\r\n\r\nhello")
	type line struct {
		ID                HeaderID
		Line, Name, Value string
	}
	var got []line
	for _, h := range m.Headers {
		got = append(got, line{h.ID, string(h.Line.In(m.Raw)), string(h.Name.In(m.Raw)), string(h.Value.In(m.Raw))})
	}
	want := []line{
		{HeaderVia, "v : SIP/2.0/UDP a,\r\n SIP/2.0/TCP b \r\n", "v", "SIP/2.0/UDP a,\r\n SIP/2.0/TCP b"},
		{HeaderOther, "X-Y:\r\n", "X-Y", ""},
		{HeaderSubject, "subject:  two\n\t words\t\r\n", "subject", "two\n\t words"},
		{HeaderContentLength, "l: 2\r\n", "l", "2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !m.IsRequest() || m.Method() != MethodInvite || string(m.MethodBytes()) != "INVITE" || m.StatusCode() != 0 ||
		string(m.RequestURI()) != "sip:bob@example.com" || string(m.BodyBytes()) != "he" || m.Reason() != nil {
		t.Errorf("start line or body: %+v", m)
	}
	if !bytes.HasPrefix(m.Raw, []byte("INVITE")) || !bytes.HasSuffix(m.Raw, []byte("\r\n\r\nhe")) {
		t.Errorf("Raw is %q", m.Raw)
	}
}

func TestScanViewOfResponse(t *testing.T) {
	m := mustScan(t, "SIP/2.0 183 Session Progress\r\nCSeq: 7 INVITE\r\n\r\n")
	if m.IsRequest() || m.StatusCode() != 183 || string(m.Reason()) != "Session Progress" || m.RequestURI() != nil ||
		m.MethodBytes() != nil || m.Method() != MethodOther || m.CSeqMethod() != MethodInvite {
		t.Errorf("%+v", m)
	}
}

// A request that cannot be processed can still be answered (RFC 3261 8.2, 21.4.1).
func TestScanRefusedCanBeAnswered(t *testing.T) {
	for name, raw := range map[string]string{
		"bad line":  request("no colon", "Timestamp: 5"),
		"bad URI":   strings.Replace(request(), "bob@", "bob @", 1),
		"version":   strings.Replace(request(), "SIP/2.0\r", "SIP/4.0\r", 1),
		"too short": request("Content-Length: 10"),
		"truncated": strings.TrimSuffix(request(), "\r\n"),
		"too long":  request("Subject: " + strings.Repeat("x", 9000)),
	} {
		t.Run(name, func(t *testing.T) {
			var m Message
			err := m.Scan([]byte(raw), nil)
			if e := asError(err); e == nil || e.Status == 0 {
				t.Fatalf("got %v", verdict(err))
			}
			got := string(AppendResponse(nil, &m, 400, "Bad Request", []byte("x"), nil))
			want := "SIP/2.0 400 Bad Request\r\n" +
				"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n" +
				"From: <sip:alice@example.com>;tag=1\r\n" +
				"To: <sip:bob@example.com>;tag=x\r\n" +
				"Call-ID: 1@192.0.2.1\r\n" +
				"CSeq: 1 OPTIONS\r\n" +
				"Content-Length: 0\r\n\r\n"
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScanErrorOffset(t *testing.T) {
	raw := "\r\n" + request("Subject")
	var m Message
	e := asError(m.Scan([]byte(raw), nil))
	if e == nil || !strings.HasPrefix(raw[e.Offset:], "Subject") {
		t.Errorf("%+v", e)
	}
}

// A Message that is scanned again tells nothing of what it held before.
func TestScanReuse(t *testing.T) {
	var used, fresh Message
	if err := used.Scan(benchINVITE, nil); err != nil {
		t.Fatal(err)
	}
	second := []byte("SIP/2.0 200 OK\r\nCSeq: 1 BYE\r\n\r\n")
	if err := used.Scan(second, nil); err != nil {
		t.Fatal(err)
	}
	if err := fresh.Scan(second, nil); err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", used), fmt.Sprintf("%+v", fresh); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHeaderNames(t *testing.T) {
	for id := HeaderOther + 1; id < headerCount; id++ {
		name := id.String()
		for _, spelling := range []string{name, strings.ToLower(name), strings.ToUpper(name)} {
			if got := LookupHeader(spelling); got != id {
				t.Errorf("%s is %v (%v), want %v", spelling, got, uint8(got), uint8(id))
			}
		}
		if c := headerNames[id].compact; c != 0 {
			for _, spelling := range []byte{c, c &^ 0x20} {
				if got := LookupHeader([]byte{spelling}); got != id {
					t.Errorf("%c is %v, want %v", spelling, got, id)
				}
			}
		}
		for _, other := range []string{name + "x", "x" + name, name[:len(name)-1] + "\x00", name + " "} {
			if got := LookupHeader(other); got != HeaderOther {
				t.Errorf("%q is %v", other, got)
			}
		}
	}
	for _, other := range []string{"", "z", "-", "X-Custom", "\x00", "Vi\xe1"} {
		if got := LookupHeader(other); got != HeaderOther {
			t.Errorf("%q is %v", other, got)
		}
	}
	if headerCount > 64 {
		t.Errorf("%d headers do not fit a headerSet", headerCount)
	}
}

func TestMethods(t *testing.T) {
	for m := MethodInvite; m <= MethodPublish; m++ {
		if got := ParseMethod([]byte(m.String())); got != m {
			t.Errorf("%v is %v", m, got)
		}
		if got := ParseMethod([]byte(strings.ToLower(m.String()))); got != MethodOther {
			t.Errorf("methods are case-sensitive: %v", got)
		}
	}
}
