package wire

import (
	"fmt"
	"reflect"
	"testing"
)

// accessors are what is read once by Validate, and by whoever asks before.
func accessors(m *Message) []any {
	var all []any
	add := func(values ...any) { all = append(all, values...) }
	uri, err := m.URI()
	add(uri, err)
	via, err := m.TopVia()
	add(via, err)
	from, err := m.From()
	add(from, err)
	to, err := m.To()
	add(to, err)
	number, method, err := m.CSeq()
	add(number, method, err)
	o := ResponseOptions{ToTag: []byte("tag"), Received: []byte("192.0.2.9"), RPort: 9, SetRPort: true}
	add(m.FromTag(), m.ToTag(), m.CSeqMethod(), AppendResponseWith(nil, m, 400, "Bad Request", &o))
	return all
}

// checkParsed: a message says the same before and after Validate.
func checkParsed(t *testing.T, m *Message) {
	t.Helper()
	before := accessors(m)
	if m.Validate() != nil {
		return
	}
	if after := accessors(m); !reflect.DeepEqual(before, after) {
		t.Errorf("before Validate\n%+v\nand after\n%+v", before, after)
	}
}

func TestValidatedSaysTheSame(t *testing.T) {
	messages := [][]byte{benchINVITE, benchREGISTER, crlf("SIP/2.0 200 OK\nv: SIP/2.0/UDP a;branch=b, SIP/2.0/UDP c\nf: <sip:a@b>;tag\nt: sip:c@d;tag=x\ni: e\nCSeq: 7 \n BYE\n\n")}
	for _, c := range tortures(t) {
		messages = append(messages, c.Raw)
	}
	valid := 0
	for _, raw := range messages {
		var m Message
		if m.Scan(raw, nil) != nil {
			continue
		}
		checkParsed(t, &m)
		if m.valid {
			valid++
		}
	}
	if valid < 30 {
		t.Errorf("%d messages are valid", valid)
	}
}

// What a message was found to hold is none of the next one's.
func TestScanForgetsWhatWasParsed(t *testing.T) {
	var m, fresh Message
	if err := scanAndValidate(&m, benchINVITE); err != nil {
		t.Fatal(err)
	}
	for _, raw := range [][]byte{benchREGISTER, []byte("BYE sip: SIP/2.0\r\n\r\n")} {
		_, _ = m.Scan(raw, nil), fresh.Scan(raw, nil)
		if got, want := fmt.Sprintf("%q", accessors(&m)), fmt.Sprintf("%q", accessors(&fresh)); got != want {
			t.Errorf("%s\nand not\n%s", got, want)
		}
	}
}
