//go:build linux

package main

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
)

// twin is the other end of SIPp's third-party control (-3pcc): SIPp tells that a
// call is up or over, and is told to hang it up. Messages are headers, and end
// with ESC. Its methods may be called concurrently.
type twin struct {
	conn   net.Conn
	closed chan struct{} // SIPp tells nothing more

	mu    sync.Mutex
	up    []string        // Call-IDs in the order in which they came up
	ended map[string]bool // those whose BYE was answered
	fresh chan struct{}   // closed and replaced with every message
}

const endOfMessage = 0x1b

func newTwin(conn net.Conn) *twin {
	t := &twin{conn: conn, closed: make(chan struct{}), ended: map[string]bool{}, fresh: make(chan struct{})}
	go t.read()
	return t
}

func (t *twin) read() {
	defer close(t.closed)
	for in := bufio.NewReader(t.conn); ; {
		text, err := in.ReadString(endOfMessage)
		if err != nil {
			return
		}
		t.note(text)
	}
}

func (t *twin) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := header(text, "Call-ID:")
	switch header(text, "From:") {
	case "up":
		t.up = append(t.up, id)
	case "over":
		t.ended[id] = true
	}
	close(t.fresh)
	t.fresh = make(chan struct{})
}

// header is the value of the first line that begins with name.
func header(text, name string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// news is closed at SIPp's next word.
func (t *twin) news() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fresh
}

// calls are the Call-IDs of all that came up, in that order.
func (t *twin) calls() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.up)
}

// over tells whether the call's BYE was answered.
func (t *twin) over(id string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended[id]
}

// hangUp has SIPp send the call's BYE.
func (t *twin) hangUp(id string) error {
	if _, err := fmt.Fprintf(t.conn, "Call-ID: %s\r\n\r\n%c", id, endOfMessage); err != nil {
		return fmt.Errorf("tell sipp to hang up %s: %w", id, err)
	}
	return nil
}

func (t *twin) close() {
	_ = t.conn.Close()
	<-t.closed
}
