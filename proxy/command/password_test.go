package command

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runPassword runs the command with a standard input.
func runPassword(in string, args ...string) (string, error) {
	cmd := Password()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetIn(strings.NewReader(in))
	cmd.SetArgs(args)
	err := cmd.Execute()
	return out.String(), err
}

// TestPasswordPrintsLines: the hashes are those of md5sum and sha256sum of Mufasa:http-auth@example.org:Circle of Life,
// RFC 7616 3.9.1.
func TestPasswordPrintsLines(t *testing.T) {
	const (
		sha = "Mufasa:http-auth@example.org:7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"
		md5 = "Mufasa:http-auth@example.org:3d78807defe7de2157e2b0b6573a855f"
	)
	for rule, c := range map[string]struct {
		in   string
		args []string
		want string
	}{
		"both algorithms":       {"Circle of Life\n", []string{"Mufasa", "--realm", "http-auth@example.org"}, sha + "\n" + md5 + "\n"},
		"a realm behind":        {"Circle of Life", []string{"Mufasa", "--realm=http-auth@example.org"}, sha + "\n" + md5 + "\n"},
		"one, written its way":  {"Circle of Life\r\nmore\n", []string{"Mufasa", "--realm=http-auth@example.org", "--algorithm", "md5"}, md5 + "\n"},
		"addresses-of-record":   {"Circle of Life", []string{"Mufasa", "--realm=http-auth@example.org", "--algorithm=SHA-256", "--aor", "100@example.com,sip:200@example.com"}, sha + ":100@example.com,sip:200@example.com\n"},
		"the realm of the user": {"secret", []string{"alice@example.com", "--algorithm", "MD5"}, "alice@example.com:example.com:c79656e4f06dbae9fdf6727654273c65\n"},
	} {
		t.Run(rule, func(t *testing.T) {
			got, err := runPassword(c.in, c.args...)
			if d := cmp.Diff(c.want, got); d != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, d)
			}
		})
	}
}

func TestPasswordRefuses(t *testing.T) {
	for rule, c := range map[string]struct {
		in   string
		args []string
		want string
		code int
	}{
		"nothing":         {"x", nil, "a USER is needed, or --check", 2},
		"no realm":        {"x", []string{"alice"}, "--realm is needed for a USER without a domain: as a rule it is the domain of the user's address", 2},
		"a colon":         {"x", []string{"alice:x", "--realm=a"}, "neither user name nor realm can have a colon or the end of a line in it", 2},
		"NUL":             {"x", []string{"al\x00ice", "--realm=a"}, "the user name is not 1 to 255 bytes of UTF-8 without control characters", 2},
		"a comment":       {"x", []string{"#alice", "--realm=a"}, "a user name cannot begin with # or a space, or end with one, in a file", 2},
		"a space":         {"x", []string{" alice", "--realm=a"}, "a user name cannot begin with # or a space, or end with one, in a file", 2},
		"no algorithm":    {"x", []string{"alice", "--realm=a", "--algorithm", "SHA-512-256"}, `--algorithm is SHA-256 and MD5, not "SHA-512-256"`, 2},
		"no address":      {"x", []string{"alice", "--realm=a", "--aor", "b"}, "an address-of-record is not of the form user@domain, a SIP or a tel URI", 2},
		"no password":     {"\n", []string{"alice", "--realm=a"}, "the password is not 1 to 1024 bytes long", 1},
		"a long password": {strings.Repeat("x", 2000), []string{"alice", "--realm=a"}, "the password is not 1 to 1024 bytes long", 1},
		"both":            {"", []string{"alice", "--check", "x"}, "--check takes no USER", 2},
	} {
		t.Run(rule, func(t *testing.T) {
			out, err := runPassword(c.in, c.args...)
			if err == nil || err.Error() != c.want || out != "" || ExitCode(err) != c.code {
				t.Errorf("%v (exit %d), want %s; printed %q", err, ExitCode(err), c.want, out)
			}
		})
	}
}

func TestPasswordChecksFiles(t *testing.T) {
	good, bad := filepath.Join(t.TempDir(), "good"), filepath.Join(t.TempDir(), "bad")
	lines, err := runPassword("secret", "alice", "--realm", "example.com")
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{good: lines, bad: "# users\nbob:hunter2\n" + lines} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := runPassword("", "--check", good); err != nil || out != good+": 1 users\n" {
		t.Errorf("a good file: %v, %s", err, out)
	}
	want := good + ": 1 users\n" + bad + ":2: not of the form user:realm:hash\n" + bad + ": 1 users\n"
	if out, err := runPassword("", "--check", good, "--check", bad); err == nil || err.Error() != "1 lines are refused" || out != want {
		t.Errorf("a bad file: %v, %s", err, out)
	}
	if _, err := runPassword("", "--check", good+"x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestPasswordIsAskedForTwice: at a terminal.
func TestPasswordIsAskedForTwice(t *testing.T) {
	for rule, c := range map[string]struct {
		typed      []string
		want, fail string
	}{
		"twice the same": {[]string{"secret", "secret"}, "secret", ""},
		"two":            {[]string{"secret", "Secret"}, "", "the passwords differ"},
		"none":           {[]string{"", ""}, "", "the password is not 1 to 1024 bytes long"},
		"the end":        {[]string{"secret"}, "", "read password: EOF"},
	} {
		var prompt strings.Builder
		typed := c.typed
		got, err := promptPassword(&prompt, func() ([]byte, error) {
			if len(typed) == 0 {
				return nil, io.EOF
			}
			next := typed[0]
			typed = typed[1:]
			return []byte(next), nil
		})
		if string(got) != c.want || (err == nil) != (c.fail == "") || err != nil && err.Error() != c.fail {
			t.Errorf("%s: %q, %v", rule, got, err)
		}
		if !strings.HasPrefix(prompt.String(), "Password: \nAgain: ") {
			t.Errorf("%s: asked by %q", rule, prompt.String())
		}
	}
}
