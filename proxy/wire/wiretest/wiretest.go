// Package wiretest holds the SIP torture test messages of RFC 4475 and RFC 5118
// for the tests of all packages that take messages.
package wiretest

import (
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

//go:embed rfc4475.txt rfc5118.txt
var files embed.FS

// Message is one test message.
type Message struct {
	// Name is the RFC's (RFC 4475) or ours, RFC and Section say where it is from.
	Name, RFC, Section string
	// Want is what package wire says of it: ok, or "STATUS REASON" with status 0
	// where it is dropped.
	Want string
	// Raw is the message as it is on the wire.
	Raw []byte
}

// Messages returns all messages, RFC 4475's first. An error says which title is
// malformed.
func Messages() ([]Message, error) {
	var all []Message
	for _, rfc := range []string{"rfc4475", "rfc5118"} {
		text, err := files.ReadFile(rfc + ".txt")
		if err != nil {
			return nil, err
		}
		for _, part := range strings.Split(string(text), "=== ")[1:] {
			title, rest, _ := strings.Cut(part, "\n")
			fields := strings.SplitN(title, " ", 3)
			verdict, message, _ := strings.Cut(rest, "\n")
			if len(fields) != 3 || !strings.HasPrefix(verdict, "# RFC: ") {
				return nil, fmt.Errorf("%s: title %q wants name, section and verdict, and a line for the RFC's", rfc, title)
			}
			all = append(all, Message{Name: fields[0], RFC: rfc, Section: fields[1], Want: fields[2], Raw: onTheWire(message)})
		}
	}
	return all, nil
}

var escape = regexp.MustCompile(`\\x[0-9A-F]{2}`)

// onTheWire turns a text of the files into the bytes it stands for.
func onTheWire(text string) []byte {
	text = strings.ReplaceAll(text, "\n", "\r\n")
	text = escape.ReplaceAllStringFunc(text, func(s string) string {
		b, _ := strconv.ParseUint(s[2:], 16, 8) // two hexadecimal digits
		return string([]byte{byte(b)})
	})
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	return []byte(strings.Replace(text, "{len}", strconv.Itoa(len(body)), 1))
}
