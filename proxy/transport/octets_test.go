package transport

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/flow"
)

// A message over a connection that is open, and the answer to it, need no memory but the
// copy that the handler of these tests keeps.
func TestMessagesOverTCPAllocateNothing(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP})
	p := h.dial(flow.TCP)
	text := []byte(options("echo", strings.Repeat("x", 640)))
	answer := make([]byte, len(text))
	if n := testing.AllocsPerRun(200, func() {
		if _, err := p.Write(text); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(p.text, answer); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations a message, one of them the test's", n)
	}
}

// What a connection has or has no room for is told at once, and an end is no error of the
// read; a broken pipe is one of the write, and no signal.
func TestOctetsNeverWait(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0) // blocking, as they are made
	if err != nil {
		t.Fatal(err)
	}
	near, far := uintptr(fds[0]), os.NewFile(uintptr(fds[1]), "far")
	t.Cleanup(func() { _ = unix.Close(fds[0]) })

	b := make([]byte, 1<<16)
	if n, err := receiveNow(near, b); n != 0 || !errors.Is(err, unix.EAGAIN) {
		t.Errorf("of nothing: %d, %v", n, err)
	}
	sent := 0
	for sent < 1<<26 {
		n, err := sendNow(near, b)
		if sent += n; err != nil {
			if !errors.Is(err, unix.EAGAIN) {
				t.Errorf("where there is no room: %v", err)
			}
			break
		}
	}
	if n, err := io.CopyN(io.Discard, far, int64(sent)); sent == 0 || err != nil {
		t.Errorf("%d of %d bytes came: %v", n, sent, err)
	}
	if _, err := far.WriteString("abc"); err != nil {
		t.Fatal(err)
	}
	if n, err := receiveNow(near, b); err != nil || string(b[:n]) != "abc" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := receiveNow(near, b); n != 0 || err != nil {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if n, err := sendNow(near, b); n != 0 || !errors.Is(err, unix.EPIPE) {
		t.Errorf("after the end: %d, %v", n, err)
	}
}
