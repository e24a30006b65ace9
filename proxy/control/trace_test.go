package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/control/answers"
	"github.com/sipring/sipring/proxy/wire"
)

var somebody = netip.MustParseAddrPort("192.0.2.1:5060")

func message(t testing.TB, more string) *wire.Message {
	t.Helper()
	text := "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n" +
		"Call-ID: c\r\nCSeq: 1 INVITE\r\nAuthorization: Digest secret\r\n" + more + "\r\nsecret"
	m, limits := &wire.Message{}, wire.DefaultLimits()
	if err := m.Scan([]byte(text), &limits); err != nil {
		t.Fatal(err)
	}
	return m
}

// traced is a backend whose traces the test feeds.
type traced struct {
	Backend
	begun   chan *Recorder
	stopped chan struct{}
}

func newTraced() traced {
	return traced{begun: make(chan *Recorder, 1), stopped: make(chan struct{}, 1)}
}

func (b traced) Trace(aor string, r *Recorder) (func(), error) {
	if aor != "sip:bob@example.com" {
		return nil, &Problem{http.StatusBadRequest, "not that one"}
	}
	b.begun <- r
	return func() { b.stopped <- struct{}{} }, nil
}

// read reads the lines of a trace to its end.
func read(t *testing.T, lines io.ReadCloser) (messages []answers.Message, end answers.End) {
	t.Helper()
	defer func() { _ = lines.Close() }()
	for s := bufio.NewScanner(lines); s.Scan(); {
		if strings.HasPrefix(s.Text(), `{"end"`) {
			if err := json.Unmarshal(s.Bytes(), &end); err != nil {
				t.Fatal(err)
			}
			return messages, end
		}
		var m answers.Message
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, m)
	}
	t.Fatal("there is no end")
	return nil, answers.End{}
}

func TestTraceEndsByCount(t *testing.T) {
	b := newTraced()
	_, path := start(t, b)
	lines, err := NewClient(path).Trace(t.Context(), "sip:bob@example.com", time.Minute, 3)
	if err != nil {
		t.Fatal(err)
	}
	r, m := <-b.begun, message(t, "")
	var working sync.WaitGroup
	for range 10 {
		working.Go(func() { r.Record(true, somebody, somebody, m) })
	}
	working.Wait()
	messages, end := read(t, lines)
	if len(messages) != 3 || end != (answers.End{End: answers.EndCount, Dropped: 0}) {
		t.Errorf("%d messages, %+v", len(messages), end)
	}
	got := messages[0]
	if got.Direction != "in" || got.StartLine != "INVITE sip:bob@example.com SIP/2.0" || !strings.HasPrefix(got.Message, got.StartLine+"\r\nVia: ") ||
		strings.Contains(got.Message, "secret") || got.Remote != somebody.String() || time.Since(got.Time) > time.Minute {
		t.Errorf("%+v", got)
	}
	<-b.stopped
}

func TestTraceEndsByTime(t *testing.T) {
	b := newTraced()
	_, path := start(t, b)
	lines, err := NewClient(path).Trace(t.Context(), "sip:bob@example.com", 3*time.Second, 3) // a busy machine records within that
	if err != nil {
		t.Fatal(err)
	}
	(<-b.begun).Record(false, somebody, somebody, message(t, ""))
	if messages, end := read(t, lines); len(messages) != 1 || messages[0].Direction != "out" || end != (answers.End{End: answers.EndTime, Dropped: 0}) {
		t.Errorf("%+v, %+v", messages, end)
	}
	<-b.stopped
}

// TestTraceHasARate: what is above it is dropped and counted, and ends the trace where that is most.
func TestTraceHasARate(t *testing.T) {
	b := newTraced()
	_, path := start(t, b)
	lines, err := NewClient(path).Trace(t.Context(), "sip:bob@example.com", time.Minute, 1000)
	if err != nil {
		t.Fatal(err)
	}
	r, m, began := <-b.begun, message(t, ""), time.Now()
	for recorded := 0; recorded < 10*tooMany*1000 && !over(r); recorded++ {
		r.Record(true, somebody, somebody, m)
	}
	most := traceRate * (2 + int(time.Since(began)/time.Second)) // on a busy machine it takes seconds
	messages, end := read(t, lines)
	if len(messages) == 0 || len(messages) > most || end != (answers.End{End: answers.EndRate, Dropped: tooMany * 1000}) {
		t.Errorf("%d messages, want up to %d, %+v", len(messages), most, end)
	}
	<-b.stopped
}

// TestTraceTakesSoManyASecond, however fast its reader is.
func TestTraceTakesSoManyASecond(t *testing.T) {
	r := newRecorder(MaxMessages)
	for _, turn := range []struct {
		after time.Duration // the one before
		want  int
	}{{0, traceRate}, {time.Second / 2, traceRate / 2}, {time.Minute, traceRate}} {
		now, taken := r.at.Add(turn.after), 0
		for range 10 * traceRate {
			if r.hasRoom(now) {
				taken++
			}
		}
		if taken != turn.want {
			t.Errorf("after %v %d messages are taken, want %d", turn.after, taken, turn.want)
		}
	}
}

// over reports whether a trace has ended.
func over(r *Recorder) bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// TestTraceIsBoundedInBytes, however long its messages are.
func TestTraceIsBoundedInBytes(t *testing.T) {
	b := newTraced()
	_, path := start(t, b)
	lines, err := NewClient(path).Trace(t.Context(), "sip:bob@example.com", time.Minute, MaxMessages)
	if err != nil {
		t.Fatal(err)
	}
	r := <-b.begun
	m := message(t, strings.Repeat("Contact: \""+strings.Repeat("\xff\xff ", 170)+"\" <sip:a@b>\r\n", 14))
	var got bytes.Buffer
	read := make(chan error)
	go func() {
		_, err := got.ReadFrom(lines)
		read <- err
	}()
	for ended := false; !ended; time.Sleep(time.Millisecond) {
		r.Record(true, somebody, somebody, m)
		select {
		case err := <-read:
			if err != nil {
				t.Error(err)
			}
			ended = true
		default:
		}
	}
	all := strings.Split(strings.TrimSpace(got.String()), "\n")
	if last := all[len(all)-1]; !strings.HasPrefix(last, `{"end":"bytes"`) || got.Len() > maxAnswer || got.Len() < maxAnswer-2*MaxLine {
		t.Errorf("%d bytes, %s", got.Len(), last)
	}
	for _, line := range all {
		if len(line) > MaxLine {
			t.Fatalf("a line of %d bytes", len(line))
		}
	}
	<-b.stopped
}

// TestSlowReaderLosesMessages and has nobody wait: not who records, and not the trace for ever.
func TestSlowReaderLosesMessages(t *testing.T) {
	r, m := newRecorder(1000), message(t, "")
	began := time.Now()
	for range 3 * traceQueue { // whom nobody reads
		r.Record(true, somebody, somebody, m)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("recording took %s", took)
	}
	if end := r.stop(answers.EndTime); len(r.queue) != traceQueue || end.Dropped != 2*traceQueue {
		t.Errorf("%d wait, %+v", len(r.queue), end)
	}
	r.Record(true, somebody, somebody, m)
	if end := r.stop(answers.EndStop); end != (answers.End{End: answers.EndTime, Dropped: 2 * traceQueue}) {
		t.Errorf("after its end: %+v", end)
	}
}

// TestTraceEndsWithItsReader, whether that hangs up or reads no more.
func TestTraceEndsWithItsReader(t *testing.T) {
	b := newTraced()
	s, path := start(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	lines, err := NewClient(path).Trace(ctx, "sip:bob@example.com", time.Minute, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lines.Close() }()
	<-b.begun
	cancel()
	<-b.stopped

	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /v1/trace?aor=sip:bob@example.com&for=10m&max=10000 HTTP/1.1\r\nHost: proxy\r\n\r\n")
	r, m := <-b.begun, message(t, strings.Repeat("User-Agent: "+strings.Repeat("a ", 200)+"\r\n", 14))
	for end, stopped := time.Now().Add(long), false; !stopped; time.Sleep(time.Millisecond) {
		r.Record(true, somebody, somebody, m)
		select {
		case <-b.stopped:
			stopped = true
		default:
			if time.Now().After(end) {
				t.Fatal("it waits for its reader")
			}
		}
	}

	lines, err = NewClient(path).Trace(t.Context(), "sip:bob@example.com", time.Minute, 3)
	if err != nil {
		t.Fatal(err)
	}
	<-b.begun
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, end := read(t, lines); end != (answers.End{End: answers.EndStop, Dropped: 0}) {
		t.Errorf("%+v", end)
	}
	<-b.stopped
}

func TestTraceRefuses(t *testing.T) {
	_, path := start(t, newTraced())
	for _, tt := range []struct {
		aor    string
		length time.Duration
		most   int
		want   string
	}{
		{"sip:eve@example.com", time.Second, 1, "not that one"},
		{"", time.Second, 1, "an address-of-record has 1 to"},
		{"sip:bob@example.com", time.Millisecond, 1, "a trace lasts 1s to 10m0s"},
		{"sip:bob@example.com", time.Hour, 1, "a trace lasts"},
		{"sip:bob@example.com", -time.Second, 1, "a trace lasts"},
		{"sip:bob@example.com", time.Second, 0, "a trace has 1 to 10000"},
		{"sip:bob@example.com", time.Second, MaxMessages + 1, "a trace has"},
	} {
		if lines, err := NewClient(path).Trace(t.Context(), tt.aor, tt.length, tt.most); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt, err)
			if err == nil {
				_ = lines.Close()
			}
		}
	}
}
