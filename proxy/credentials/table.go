package credentials

import (
	"bytes"
	"errors"
	"slices"
)

// table holds the users of one path. It is never changed once it is built.
type table struct {
	users map[string]Credential // by key
	bytes int64                 // of what was read
	bad   int                   // lines that were refused
}

// look adds to c what the table has of the user.
func (t *table) look(key []byte, c *Credential) (found bool) {
	user, found := t.users[string(key)]
	if found {
		c.add(&user)
	}
	return found
}

// add takes over what c does not have. It copies no memory unless both have AORs.
func (c *Credential) add(more *Credential) {
	if more.HasMD5 && !c.HasMD5 {
		c.MD5, c.HasMD5 = more.MD5, true
	}
	if more.HasSHA256 && !c.HasSHA256 {
		c.SHA256, c.HasSHA256 = more.SHA256, true
	}
	if len(c.AORs) == 0 {
		c.AORs = more.AORs
	}
}

// builder builds a table.
type builder struct {
	users  map[string]Credential
	keys   keyBuffer
	bytes  int64
	bad    int
	report func(file string, line int, err error)
}

func newBuilder(report func(file string, line int, err error)) *builder {
	return &builder{users: map[string]Credential{}, report: report}
}

// byteOrderMark is what some editors write at the beginning of a file.
var byteOrderMark = []byte("\xef\xbb\xbf")

// file takes the lines of a file, and reports those that are bad by number, from 1.
func (b *builder) file(name string, content []byte) {
	b.bytes += int64(len(content))
	number := 0
	for text := range bytes.Lines(bytes.TrimPrefix(content, byteOrderMark)) {
		number++
		l, err := parseLine(text)
		if err == nil && len(l.username) > 0 {
			err = b.line(&l)
		}
		if err != nil {
			b.bad++
			b.report(name, number, err)
		}
	}
}

// line takes a line. Those of one user, of different algorithms, are one credential with the AORs of all.
func (b *builder) line(l *line) error {
	key, _ := appendKey(b.keys[:0], l.username, l.realm)
	user := b.users[string(key)]
	if l.is.HasMD5 && user.HasMD5 || l.is.HasSHA256 && user.HasSHA256 {
		return errors.New("the user has a hash of this length already: the first one is used")
	}
	aors := user.AORs
	for _, aor := range l.is.AORs {
		if !slices.Contains(aors, aor) {
			aors = append(aors, aor)
		}
	}
	user.add(&l.is)
	user.AORs = aors
	b.users[string(key)] = user
	return nil
}

func (b *builder) table() *table { return &table{users: b.users, bytes: b.bytes, bad: b.bad} }

// Check reads the lines of a file as they are read where users come from, calls bad with the number of each that is
// refused, from 1, and why, and returns how many users the others have.
func Check(content []byte, bad func(line int, err error)) (users int) {
	b := newBuilder(func(_ string, line int, err error) { bad(line, err) })
	b.file("", content)
	return len(b.users)
}
