package digest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// hash32 and hash64 are responses of the two lengths.
var (
	hash32 = strings.Repeat("0f", 16)
	hash64 = strings.Repeat("0f", 32)
)

// minimal is what a response has at least.
const minimal = `username="bob", realm="example.com", nonce="n", uri="sip:example.com", `

// withMD5 completes a response.
func withMD5(more string) string {
	return "Digest " + minimal + `response="` + hash32 + `"` + more
}

// said is r as a line, for tables.
func said(r *Response) string {
	return fmt.Sprintf("%s at %s, nonce %s, uri %s, %v, qop %d, count %d, cnonce %s",
		r.AppendUsername(nil), r.AppendRealm(nil), r.Nonce, r.URI, r.Algorithm, r.QOP, r.Count, r.CNonce)
}

const (
	plain   = "bob at example.com, nonce n, uri sip:example.com, MD5, qop 0, count 1, cnonce "
	counted = "bob at example.com, nonce n, uri sip:example.com, MD5, qop 1, count 1, cnonce c"
)

// TestParseReads has what RFC 7616 section 3.4 and RFC 3261 section 25.1 allow, and what
// phones write beyond it.
func TestParseReads(t *testing.T) {
	tests := map[string]struct{ value, want string }{
		"RFC 2069: no qop":              {withMD5(""), plain},
		"qop is empty":                  {withMD5(`, qop=""`), plain},
		"qop without quotes":            {withMD5(`, qop=auth, nc=00000001, cnonce="c"`), counted},
		"qop in quotes":                 {withMD5(`, qop="auth", nc=00000001, cnonce="c"`), counted},
		"qop in another case":           {withMD5(`, qop=AUTH, nc=00000001, cnonce="c"`), counted},
		"nc without zeros":              {withMD5(`, qop=auth, nc=1, cnonce="c"`), counted},
		"nc in quotes":                  {withMD5(`, qop=auth, nc="00000001", cnonce="c"`), counted},
		"nc in upper case":              {withMD5(`, qop=auth, nc=0000000A, cnonce="c"`), strings.Replace(counted, "count 1", "count 10", 1)},
		"nc at its end":                 {withMD5(`, qop=auth, nc=ffffffff, cnonce="c"`), strings.Replace(counted, "count 1", "count 4294967295", 1)},
		"nc and cnonce without qop":     {withMD5(`, nc=00000009, cnonce="c"`), plain + "c"},
		"cnonce without quotes":         {withMD5(`, qop=auth, nc=1, cnonce=c`), counted},
		"algorithm":                     {withMD5(`, algorithm=MD5`), plain},
		"algorithm, lower case":         {withMD5(`, algorithm=md5`), plain},
		"algorithm, in quotes":          {withMD5(`, algorithm="MD5"`), plain},
		"algorithm, empty":              {withMD5(`, algorithm=""`), plain},
		"algorithm, -sess":              {withMD5(`, algorithm=MD5-sess, cnonce=c`), strings.Replace(plain, "MD5", "MD5-sess", 1) + "c"},
		"algorithm, -SESS":              {withMD5(`, algorithm=md5-SESS, cnonce=c`), strings.Replace(plain, "MD5", "MD5-sess", 1) + "c"},
		"SHA-256":                       {"Digest " + minimal + "algorithm=SHA-256, response=" + hash64, strings.Replace(plain, "MD5", "SHA-256", 1)},
		"SHA-256, lower case in quotes": {"Digest " + minimal + `algorithm="sha-256", response=` + hash64, strings.Replace(plain, "MD5", "SHA-256", 1)},
		"SHA-256-sess":                  {"Digest " + minimal + "algorithm=SHA-256-sess, cnonce=c, response=" + hash64, strings.Replace(plain, "MD5", "SHA-256-sess", 1) + "c"},
		"response in upper case":        {"Digest " + minimal + "response=" + strings.ToUpper(hash32), plain},
		"the scheme in another case":    {"dIgEsT " + withMD5("")[7:], plain},
		"names in another case":         {"Digest USERNAME=\"bob\", Realm=\"example.com\", nonce=\"n\", URI=\"sip:example.com\", response=" + hash32, plain},
		"no spaces, as Snom":            {strings.ReplaceAll(withMD5(`,qop=auth,nc=00000001,cnonce="c"`), ", ", ","), counted},
		"folded lines":                  {strings.ReplaceAll(withMD5(""), ", ", ",\r\n "), plain},
		"spaces around =":               {strings.ReplaceAll(withMD5(""), "=\"", " = \""), plain},
		"a space before the scheme":     {" " + withMD5("") + " ", plain},
		"empty elements":                {withMD5(", ,, "), plain},
		"an empty element first":        {"Digest , " + withMD5("")[7:], plain},
		"parameters that nobody knows":  {withMD5(`, x=1, y="a,b=\"c\"", x=2, auth-param=token`), plain},
		"opaque":                        {withMD5(`, opaque="a\"b"`), plain},
		"userhash=false":                {withMD5(`, userhash=false`), plain},
		"no quotes at all": {
			"Digest username=bob,realm=example.com,nonce=n,uri=sip:example.com,response=" + hash32, plain,
		},
		"a uri with parameters, without quotes": {
			"Digest username=bob, realm=example.com, nonce=n, uri=sip:example.com;transport=tcp, response=" + hash32,
			strings.Replace(plain, "sip:example.com", "sip:example.com;transport=tcp", 1),
		},
		"before any challenge, as in TS 24.229": {
			`Digest username="bob@example.com", realm="example.com", uri="sip:example.com", nonce="", response=""`,
			"bob@example.com at example.com, nonce , uri sip:example.com, MD5, qop 0, count 1, cnonce ",
		},
		"username with the domain": {strings.Replace(withMD5(""), "bob", "bob@example.com", 1), strings.Replace(plain, "bob", "bob@example.com", 1)},
		"username with escapes":    {strings.Replace(withMD5(""), "bob", `b\"o\\b\,`, 1), strings.Replace(plain, "bob", `b"o\b,`, 1)},
		"username in UTF-8":        {strings.Replace(withMD5(""), "bob", "Jäsøn 電話", 1), strings.Replace(plain, "bob", "Jäsøn 電話", 1)},
		"username of SQL":          {strings.Replace(withMD5(""), "bob", `' OR 1=1; DROP TABLE subscriber;--`, 1), strings.Replace(plain, "bob", `' OR 1=1; DROP TABLE subscriber;--`, 1)},
		"username of LDAP":         {strings.Replace(withMD5(""), "bob", `*)(uid=*))(|(uid=*`, 1), strings.Replace(plain, "bob", `*)(uid=*))(|(uid=*`, 1)},
		"username empty":           {strings.Replace(withMD5(""), "bob", "", 1), strings.Replace(plain, "bob", "", 1)},
		"realm with escapes":       {strings.Replace(withMD5(""), `realm="example.com"`, `realm="a \"b\""`, 1), strings.Replace(plain, "example.com", `a "b"`, 1)},
		"uri empty, as Cisco":      {strings.Replace(withMD5(""), `uri="sip:example.com"`, `uri=""`, 1), strings.Replace(plain, "sip:example.com", "", 1)},
		"most parameters":          {withMD5(strings.Repeat(", x=1", MaxParams-5)), plain},
		"most bytes":               {withMD5(`, x="` + strings.Repeat("a", MaxValue-len(withMD5(`, x=""`))) + `"`), plain},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Response{Opaque: []byte("of the one before")}
			if err := Parse([]byte(tt.value), &r); err != nil {
				t.Fatalf("%s: %v", tt.value, err)
			}
			if got := said(&r); got != tt.want {
				t.Errorf("%s\nsays %s\nwant %s", tt.value, got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	without := func(name string) string {
		kept := []string{}
		for _, p := range strings.Split(withMD5("")[7:], ", ") {
			if !strings.HasPrefix(p, name+"=") {
				kept = append(kept, p)
			}
		}
		return "Digest " + strings.Join(kept, ", ")
	}
	tests := map[string]struct {
		value  string
		kind   error
		reason string
	}{
		"empty":                      {"", ErrScheme, "Not Digest"},
		"space":                      {"  ", ErrScheme, "Not Digest"},
		"Basic":                      {"Basic Ym9iOng=", ErrScheme, "Not Digest"},
		"Bearer":                     {"Bearer abc", ErrScheme, "Not Digest"},
		"a scheme that begins so":    {"Digester " + minimal, ErrScheme, "Not Digest"},
		"cut in the scheme":          {"Diges", ErrScheme, "Not Digest"},
		"NUL after the scheme":       {"Digest\x00" + minimal, ErrScheme, "Not Digest"},
		"the scheme alone":           {"Digest", ErrMissing, "Missing username"},
		"the username alone":         {`Digest username="bob"`, ErrMissing, "Missing realm"},
		"no username":                {without("username"), ErrMissing, "Missing username"},
		"no realm":                   {without("realm"), ErrMissing, "Missing realm"},
		"no nonce":                   {without("nonce"), ErrMissing, "Missing nonce"},
		"no uri":                     {without("uri"), ErrMissing, "Missing uri"},
		"no response":                {without("response"), ErrMissing, "Missing response"},
		"qop without cnonce":         {withMD5(", qop=auth, nc=00000001"), ErrMissing, "Missing cnonce"},
		"qop without nc":             {withMD5(", qop=auth, cnonce=c"), ErrMissing, "Missing nc"},
		"-sess without cnonce":       {withMD5(", algorithm=MD5-sess"), ErrMissing, "Missing cnonce"},
		"username twice":             {withMD5(`, username="eve"`), ErrMalformed, "username Twice"},
		"username twice, other case": {withMD5(`, USERNAME="eve"`), ErrMalformed, "username Twice"},
		"nonce twice, the same":      {withMD5(`, nonce="n"`), ErrMalformed, "nonce Twice"},
		"response twice":             {withMD5(`, response=` + hash32), ErrMalformed, "response Twice"},
		"qop twice":                  {withMD5(", qop=auth, qop=auth, nc=1, cnonce=c"), ErrMalformed, "qop Twice"},
		"nc is 0":                    {withMD5(", qop=auth, nc=00000000, cnonce=c"), ErrMalformed, "Malformed nc"},
		"nc is empty":                {withMD5(`, qop=auth, nc="", cnonce=c`), ErrMalformed, "Malformed nc"},
		"nc of nine digits":          {withMD5(", qop=auth, nc=000000001, cnonce=c"), ErrMalformed, "Malformed nc"},
		"nc is no number":            {withMD5(", qop=auth, nc=one, cnonce=c"), ErrMalformed, "Malformed nc"},
		"nc has a sign":              {withMD5(", qop=auth, nc=-1, cnonce=c"), ErrMalformed, "Malformed nc"},
		"response is cut":            {withMD5("")[:len(withMD5(""))-2] + `"`, ErrMalformed, "Malformed response"},
		"response of another length": {withMD5(", algorithm=SHA-256"), ErrMalformed, "Malformed response"},
		"response is not hex":        {"Digest " + minimal + "response=" + strings.Repeat("g", 32), ErrMalformed, "Malformed response"},
		"auth-int":                   {withMD5(", qop=auth-int, nc=00000001, cnonce=c"), ErrUnsupported, "Unsupported qop"},
		"a list of qop":              {withMD5(`, qop="auth,auth-int", nc=00000001, cnonce=c`), ErrUnsupported, "Unsupported qop"},
		"SHA-512-256":                {withMD5(", algorithm=SHA-512-256"), ErrUnsupported, "Unsupported algorithm"},
		"AKA":                        {withMD5(", algorithm=AKAv1-MD5"), ErrUnsupported, "Unsupported algorithm"},
		"an algorithm begun":         {withMD5(", algorithm=MD"), ErrUnsupported, "Unsupported algorithm"},
		"userhash":                   {withMD5(", userhash=true"), ErrUnsupported, "Unsupported userhash"},
		"username*":                  {"Digest username*=UTF-8''J%C3%A4s, " + without("username")[7:], ErrUnsupported, "Unsupported userhash"},
		"a quoted string without end": {
			`Digest username="bob, realm="example.com"`, ErrMalformed, "Malformed Credentials",
		},
		"cut in a quoted string":      {`Digest username="bo`, ErrMalformed, "Quoted String Without End In Credentials"},
		"cut after a backslash":       {`Digest username="bo\`, ErrMalformed, "Quoted String Without End In Credentials"},
		"an escaped quote at the end": {`Digest username="bo\"`, ErrMalformed, "Quoted String Without End In Credentials"},
		"NUL in a quoted string":      {strings.Replace(withMD5(""), "bob", "bo\x00b", 1), ErrMalformed, "Control Character In Credentials"},
		"NUL after a backslash":       {strings.Replace(withMD5(""), "bob", "bo\\\x00b", 1), ErrMalformed, "Control Character In Credentials"},
		"line end in quoted string":   {strings.Replace(withMD5(""), "bob", "bo\r\n b", 1), ErrMalformed, "Control Character In Credentials"},
		"NUL in a word":               {"Digest username=bo\x00b", ErrMalformed, "Control Character In Credentials"},
		"NUL for a name":              {withMD5(", \x00=1"), ErrMalformed, "Malformed Credentials"},
		"a quote in a word":           {`Digest username=bo"b`, ErrMalformed, "Malformed Credentials"},
		"no name":                     {withMD5(`, ="x"`), ErrMalformed, "Malformed Credentials"},
		"no value":                    {withMD5(", stale"), ErrMalformed, "Malformed Credentials"},
		"semicolons":                  {`Digest username="bob"; realm="example.com"`, ErrMalformed, "Malformed Credentials"},
		"two schemes in one field":    {withMD5(", Digest username=bob"), ErrMalformed, "Malformed Credentials"},
		"too many parameters":         {withMD5(strings.Repeat(", x=1", MaxParams-4)), ErrMalformed, "Too Many Parameters In Credentials"},
		"too long":                    {withMD5(`, x="` + strings.Repeat("a", MaxValue) + `"`), ErrMalformed, "Credentials Too Long"},
		"64 KiB of credentials":       {withMD5(strings.Repeat(`, x="y"`, 64<<10/7)), ErrMalformed, "Credentials Too Long"},
		"64 KiB of commas":            {"Digest " + strings.Repeat(",", 64<<10), ErrMalformed, "Credentials Too Long"},
		"64 KiB of NUL":               {strings.Repeat("\x00", 64<<10), ErrScheme, "Not Digest"},
		"64 KiB of spaces":            {strings.Repeat(" ", 64<<10), ErrScheme, "Not Digest"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := Response{Username: []byte("of the one before")}
			err := Parse([]byte(tt.value), &r)
			var fault *Error
			if !errors.Is(err, tt.kind) || !errors.As(err, &fault) || fault.Reason != tt.reason {
				t.Errorf("error %v, want %v: %s", err, tt.kind, tt.reason)
			}
			if !saysNothing(&r) {
				t.Errorf("refused, but says %+v", r)
			}
		})
	}
}

func saysNothing(r *Response) bool {
	return r.Username == nil && r.Realm == nil && r.Nonce == nil && r.URI == nil && r.Response == nil && r.CNonce == nil &&
		r.Opaque == nil && r.Algorithm == 0 && r.QOP == 0 && r.Count == 0 && r.nc == nil && r.qop == nil
}
