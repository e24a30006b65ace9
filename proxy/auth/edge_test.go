package auth

import (
	"bytes"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/routing"
)

// TestCredentialsAtTheEdge: what phones, and others, write in the place of credentials.
func TestCredentialsAtTheEdge(t *testing.T) {
	t.Parallel()
	const letIn, challenged, stale, malformed = "let in", "401", "401 stale", "400"
	parts := func(line, drop string) string { // without a parameter
		var kept []string
		for _, p := range strings.Split(line, ", ") {
			if !strings.HasPrefix(strings.TrimPrefix(p, "Authorization: Digest "), drop+"=") {
				kept = append(kept, p)
			}
		}
		text := strings.Join(kept, ", ")
		if !strings.HasPrefix(text, "Authorization: Digest ") {
			text = "Authorization: Digest " + text
		}
		return text
	}
	change := func(old, by string) func(*rig, string) string {
		return func(_ *rig, line string) string {
			if !strings.Contains(line, old) {
				t.Fatalf("%q is not in %q", old, line)
			}
			return strings.Replace(line, old, by, 1)
		}
	}
	without := func(name string) func(*rig, string) string {
		return func(_ *rig, line string) string { return parts(line, name) }
	}
	wrong := func(line string) string { // another password
		at := strings.Index(line, `response="`) + len(`response="`)
		return line[:at] + strings.Repeat("0", 31) + "1" + line[at+32:]
	}
	legacy := func(r *rig) string { // RFC 2069: no qop, and so no count and no cnonce
		id := digest.NonceID(unix+r.now, mark([]byte("sip:alice@example.com"))<<chanceBits)
		c := digest.Challenge{Realm: []byte("ours"), Nonce: r.keys.AppendNonce(nil, id, []byte("ours"), netip.Addr{}), Algorithm: digest.MD5}
		line := digest.AppendAuthorization(nil, &c, &digest.Proof{Username: []byte("alice"), HA1: make([]byte, 16), Method: []byte("REGISTER"), URI: []byte("sip:example.com")})
		return strings.TrimSuffix(string(line), "\r\n")
	}
	for name, tt := range map[string]struct {
		edit func(*rig, string) string
		want string
	}{
		"as it should be":                      {func(_ *rig, l string) string { return l }, letIn},
		"the scheme in another case":           {change("Digest ", "dIGEST "), letIn},
		"a tab after the scheme":               {change("Digest ", "Digest\t"), letIn},
		"the header's name in another case":    {change("Authorization:", "aUTHORIZATION  :"), letIn},
		"names in another case":                {change("username=", "UserName="), letIn},
		"the algorithm in another case":        {change("algorithm=MD5", `algorithm="md5"`), letIn},
		"folded":                               {change(", realm", ",\r\n\trealm"), letIn},
		"folded within white space":            {change(", realm", " \r\n , \r\n realm"), letIn},
		"commas without parameters":            {change(", realm", ",, ,realm"), letIn},
		"a parameter that nobody knows":        {change(", realm", `, x-y="z", realm`), letIn},
		"an escape in the name":                {change(`"alice"`, `"al\ice"`), letIn},
		"userhash=false":                       {change(", realm", ", userhash=false, realm"), letIn},
		"no qop":                               {func(r *rig, _ string) string { return legacy(r) }, letIn},
		"an empty qop":                         {func(r *rig, _ string) string { return legacy(r) + `, qop=""` }, letIn},
		"no qop, and a count":                  {func(r *rig, _ string) string { return legacy(r) + `, nc=00000007` }, letIn},
		"the right ones and others' before":    {func(_ *rig, l string) string { return strings.Replace(l, `"ours"`, `"theirs"`, 1) + "\r\n" + l }, letIn},
		"the right ones and malformed before":  {func(_ *rig, l string) string { return "Authorization: Digest ,=\r\n" + l }, letIn},
		"the right ones and a nonce of others": {func(_ *rig, l string) string { return strings.Replace(l, `nonce="`, `nonce="x`, 1) + "\r\n" + l }, letIn},
		"the right ones, wrong ones behind":    {func(_ *rig, l string) string { return l + "\r\n" + wrong(l) }, letIn},
		"the right ones, wrong ones before":    {func(_ *rig, l string) string { return wrong(l) + "\r\n" + l }, challenged},
		"the right ones, the 17th":             {func(_ *rig, l string) string { return strings.Repeat("Authorization: Basic x\r\n", 16) + l }, challenged},
		"two in one line":                      {func(_ *rig, l string) string { return l + strings.TrimPrefix(l, "Authorization:") }, malformed},
		"two in one line, with a comma":        {func(_ *rig, l string) string { return l + "," + strings.TrimPrefix(l, "Authorization:") }, malformed},
		"nothing":                              {func(*rig, string) string { return "Authorization:" }, challenged},
		"the scheme alone":                     {func(*rig, string) string { return "Authorization: Digest" }, challenged},
		"the scheme and no space":              {change("Digest ", "Digest"), challenged},
		"a scheme that begins so":              {change("Digest ", "Digest2 "), challenged},
		"no user name":                         {without("username"), challenged},
		"no realm":                             {without("realm"), challenged},
		"no nonce":                             {without("nonce"), challenged},
		"no uri":                               {without("uri"), challenged},
		"no response":                          {without("response"), challenged},
		"no cnonce":                            {without("cnonce"), challenged},
		"no count":                             {without("nc"), challenged},
		"no algorithm":                         {without("algorithm"), letIn}, // it is MD5 then
		"an empty user name":                   {change(`"alice"`, `""`), challenged},
		"an empty realm":                       {change(`"ours"`, `""`), challenged},
		"an empty response": {func(_ *rig, l string) string {
			return strings.Replace(parts(l, "response"), "Digest ", `Digest response="", `, 1)
		}, challenged},
		"an empty algorithm":                  {change("algorithm=MD5", "algorithm="), letIn},
		"an empty count":                      {change("nc=00000001", "nc="), malformed},
		"a count of 0":                        {change("nc=00000001", "nc=00000000"), malformed},
		"a count that is not hexadecimal":     {change("nc=00000001", "nc=0000000g"), malformed},
		"a negative count":                    {change("nc=00000001", "nc=-0000001"), malformed},
		"a count that is too long":            {change("nc=00000001", "nc=000000001"), malformed},
		"another count than was hashed":       {change("nc=00000001", "nc=00000002"), challenged},
		"another spelling than was hashed":    {change("nc=00000001", "nc=1"), challenged},
		"another quality":                     {change("qop=auth", "qop=auth-int"), challenged},
		"an unknown algorithm":                {change("algorithm=MD5", "algorithm=SHA-512-256"), challenged},
		"another algorithm":                   {change("algorithm=MD5", "algorithm=SHA-256"), malformed}, // its response is longer
		"a response that is too short":        {change(`response="`, `response="0`), malformed},
		"a parameter twice":                   {change(", realm", `, username="alice", realm`), malformed},
		"a parameter twice, in another case":  {change(", realm", `, USERNAME=alice, realm`), malformed},
		"a list without commas":               {change(", realm", " realm"), malformed},
		"a quote without an end":              {change(`"alice"`, `"alice`), malformed},
		"33 parameters":                       {func(_ *rig, l string) string { return l + strings.Repeat(", a=b", 33) }, malformed},
		"a hashed user name (RFC 7616 3.4.4)": {change(", realm", ", userhash=true, realm"), challenged},
		"a coded user name (RFC 5987)":        {change(`username="alice"`, "username*=UTF-8''alice"), challenged},
		"both forms of a user name":           {change(", realm", ", username*=UTF-8''alice, realm"), malformed},
		"a control character":                 {change(`"alice"`, "\"al\x01ice\""), "no message"},
		"an escaped control character":        {change(`"alice"`, "\"al\\\x7fice\""), malformed},
		"UTF-8":                               {change(`"alice"`, `"älice"`), challenged},
		"what is no UTF-8":                    {change(`"alice"`, "\"\xff\xfe\""), challenged},
		"SQL":                                 {change(`"alice"`, `"alice' OR '1'='1"`), challenged},
		"LDAP":                                {change(`"alice"`, `"alice)(uid=*))(|(uid=*"`), challenged},
		"a path":                              {change(`"alice"`, `"../../alice"`), challenged},
		"a coded NUL":                         {change(`"alice"`, `"alice%00"`), challenged},
		"escapes in the nonce":                {change(`nonce="`, `nonce="\`), challenged},
		"a nonce with padding":                {change(`", uri`, `=", uri`), challenged},
		"a long nonce":                        {change(`nonce="`, `nonce="`+strings.Repeat("A", 3000)), challenged},
		"4 KiB and a byte":                    {change(`"alice"`, `"`+strings.Repeat("a", 4096)+`"`), malformed},
		"64 KiB":                              {change(`"alice"`, `"`+strings.Repeat("a", 64<<10)+`"`), "no message"},
	} {
		r := newRig(t)
		m := scan(register(tt.edit(r, strings.TrimSuffix(r.proof(digest.MD5), "\r\n")) + "\r\n"))
		got := "no message"
		if m != nil {
			var d routing.Decision
			r.decide(m, &d)
			switch {
			case d.Action == routing.Register:
				got = letIn
			case d.Status == 401 && bytes.Contains(d.Extra, []byte("stale=true")):
				got = stale
			case d.Status == 401:
				got = challenged
			case d.Status == 400:
				got = malformed
			}
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestNoncesOfCallsDiffer, though members are asked for them in the same millisecond, for the same
// account, and know nothing of each other.
func TestNoncesOfCallsDiffer(t *testing.T) {
	members := []*rig{newRig(t), newRig(t), newRig(t)}
	m := scan(strings.NewReplacer("REGISTER", "INVITE", "sip:example.com SIP", "sip:bob@example.com SIP").Replace(register("")))
	seen := map[string]bool{}
	for range 20 {
		for _, r := range members {
			var d routing.Decision
			r.now = 0
			r.decide(m, &d)
			nonce := regexp.MustCompile(`nonce="([^"]*)"`).FindSubmatch(d.Challenge)
			if nonce == nil {
				t.Fatalf("no challenge: %s %d", d.Action, d.Status)
			}
			if seen[string(nonce[1])] {
				t.Fatal("two members made the same nonce")
			}
			seen[string(nonce[1])] = true
		}
	}
}
