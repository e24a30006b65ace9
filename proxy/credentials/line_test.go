package credentials

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	md5Hash    = "939e7578ed9e3c518a452acee763bce9"
	sha256Hash = "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"
)

func TestParseLine(t *testing.T) {
	const user = "alice example.com"
	for rule, c := range map[string]struct {
		text, want string
	}{
		"as htdigest writes it":         {"alice:example.com:" + md5Hash + "\n", user + " MD5 []"},
		"SHA-256":                       {"alice:example.com:" + sha256Hash, user + " SHA-256 []"},
		"a hash in upper case":          {"alice:example.com:" + strings.ToUpper(md5Hash), user + " MD5 []"},
		"with spaces around, and CRLF":  {"  alice:example.com:" + md5Hash + " \r\n", user + " MD5 []"},
		"addresses-of-record":           {"alice:example.com:" + md5Hash + ":100@Example.com, sips:sales@example.com,tel:+1-555-1234,sip:100@example.com:5060", user + " MD5 [sip:100@example.com sip:sales@example.com tel:+15551234]"},
		"an address with an IPv6 host":  {"alice:example.com:" + md5Hash + ":bob@[2001:DB8::1]", user + " MD5 [sip:bob@[2001:db8::1]]"},
		"no addresses-of-record":        {"alice:example.com:" + md5Hash + ":", user + " MD5 []"},
		"a user name with a domain":     {"alice@example.com:example.com:" + md5Hash, "alice@example.com example.com MD5 []"},
		"UTF-8":                         {"ĳsbeer:müller.example:" + md5Hash, "ĳsbeer müller.example MD5 []"},
		"SQL and LDAP characters":       {"a'; DROP TABLE--*)(&:example.com:" + md5Hash, "a'; DROP TABLE--*)(& example.com MD5 []"},
		"a comment":                     {"# alice:example.com:x", ""},
		"blank":                         {" \t\r\n", ""},
		"no realm":                      {"alice:" + md5Hash, "not of the form user:realm:hash"},
		"a word":                        {"alice", "not of the form user:realm:hash"},
		"no user":                       {":example.com:" + md5Hash, "the user name is not 1 to 255 bytes of UTF-8 without control characters"},
		"an empty realm":                {"alice::" + md5Hash, "the realm is not 1 to 255 bytes of UTF-8 without control characters"},
		"NUL in the user":               {"al\x00ice:example.com:" + md5Hash, "the user name is not 1 to 255 bytes of UTF-8 without control characters"},
		"a user that is no UTF-8":       {"al\xffice:example.com:" + md5Hash, "the user name is not 1 to 255 bytes of UTF-8 without control characters"},
		"a long user":                   {strings.Repeat("a", 256) + ":example.com:" + md5Hash, "the user name is not 1 to 255 bytes of UTF-8 without control characters"},
		"a password":                    {"alice:example.com:secret", "the hash has 6 characters: neither 32 (MD5) nor 64 (SHA-256)"},
		"a password of 32 characters":   {"alice:example.com:" + strings.Repeat("x", 32), "the hash is not hexadecimal"},
		"no address":                    {"alice:example.com:" + md5Hash + ":100@example.com,", "an address-of-record is not of the form user@domain, a SIP or a tel URI"},
		"an address of mail":            {"alice:example.com:" + md5Hash + ":mailto:a@example.com", "an address-of-record is not of the form user@domain, a SIP or a tel URI"},
		"a domain for an address":       {"alice:example.com:" + md5Hash + ":example.com", "an address-of-record is not of the form user@domain, a SIP or a tel URI"},
		"a long address":                {"alice:example.com:" + md5Hash + ":" + strings.Repeat("a", 512) + "@b", "an address-of-record has more than 512 bytes"},
		"many addresses":                {"alice:example.com:" + md5Hash + ":" + numbered(65), "more than 64 addresses-of-record"},
		"a long line":                   {"alice:example.com:" + md5Hash + ":" + strings.Repeat("a@b,", 8<<10), "more than 16384 bytes"},
		"as many addresses, each twice": {"alice:example.com:" + md5Hash + ":" + numbered(64) + "," + numbered(64), user + " MD5 [sip:" + strings.ReplaceAll(numbered(64), ",", " sip:") + "]"},
	} {
		t.Run(rule, func(t *testing.T) {
			if d := cmp.Diff(c.want, parsed(c.text)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func numbered(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%d@example.com", i))
	}
	return strings.Join(all, ",")
}

// parsed is what a line says, or why it is refused.
func parsed(text string) string {
	l, err := parseLine([]byte(text))
	switch {
	case err != nil:
		return err.Error()
	case len(l.username) == 0:
		return ""
	case l.is.HasMD5 && fmt.Sprintf("%x", l.is.MD5) == md5Hash:
		return fmt.Sprintf("%s %s MD5 %v", l.username, l.realm, l.is.AORs)
	case l.is.HasSHA256 && fmt.Sprintf("%x", l.is.SHA256) == sha256Hash:
		return fmt.Sprintf("%s %s SHA-256 %v", l.username, l.realm, l.is.AORs)
	}
	return "another hash"
}

func TestCheck(t *testing.T) {
	text := "\xef\xbb\xbfalice:example.com:" + md5Hash + "\n\n# both\nalice:example.com:" + sha256Hash + "\nbob\nalice:example.com:" + md5Hash + "\ncarol:example.com:" + md5Hash
	var bad []string
	users := Check([]byte(text), func(line int, err error) { bad = append(bad, fmt.Sprintf("%d: %v", line, err)) })
	want := []string{"5: not of the form user:realm:hash", "6: the user has a hash of this length already: the first one is used"}
	if d := cmp.Diff(want, bad); d != "" || users != 2 {
		t.Errorf("%d users (-want +got):\n%s", users, d)
	}
}

// FuzzLines: whatever a file holds, each of its lines is used or reported, users that are found are valid, and no report
// quotes what may be a secret.
func FuzzLines(f *testing.F) {
	f.Add([]byte("alice:example.com:" + md5Hash + ":100@example.com\nbob:example.com:" + sha256Hash + "\r\n#\n"))
	f.Add([]byte("alice@example.com:example.com:" + md5Hash + ":tel:+1-555,sips:a@[::1]:5061\nalice\n\x00:\xff:0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, last := bytes.Count(text, []byte("\n"))+1, 0
		b := newBuilder(func(_ string, line int, err error) {
			if line <= last || line > lines || len(err.Error()) > 120 {
				t.Fatalf("line %d of %d after %d: %v", line, lines, last, err)
			}
			last = line
		})
		b.file("", text)
		for key, user := range b.users {
			username, realm, _ := strings.Cut(key, "\x00")
			if !validName([]byte(username)) || !validName([]byte(realm)) || !user.HasMD5 && !user.HasSHA256 {
				t.Fatalf("%q: %+v", key, user)
			}
			for _, aor := range user.AORs {
				if again, err := addAOR(nil, []byte(aor)); err != nil || again[0] != aor {
					t.Fatalf("%q again is %q, %v", aor, again, err)
				}
			}
		}
	})
}
