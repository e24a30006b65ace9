//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// What baresip tells of calls and registrations.
const (
	eventEstablished = "CALL_ESTABLISHED"
	eventClosed      = "CALL_CLOSED"
	eventRegistering = "REGISTERING"
)

// events is the conversation with baresip: JSON in netstrings, over TCP. Its
// methods may be called concurrently.
type events struct {
	conn net.Conn

	mu    sync.Mutex
	seen  map[string]int // how often, by kind, and by kind and particulars
	fresh chan struct{}  // closed and replaced with every one
	ended error          // why nothing more comes
}

// follow counts what baresip tells until the connection ends.
func follow(conn net.Conn) *events {
	e := &events{conn: conn, seen: map[string]int{}, fresh: make(chan struct{})}
	go func() {
		in := bufio.NewReader(conn)
		for err := error(nil); err == nil; {
			var kind, particulars string
			kind, particulars, err = next(in)
			e.note(kind, particulars, err)
		}
	}()
	return e
}

func (e *events) note(kind, particulars string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[kind]++
	e.seen[kind+" "+particulars]++
	e.ended = err
	close(e.fresh)
	e.fresh = make(chan struct{})
}

// count is how often an event came, of all particulars or, where a space and they follow its
// kind, of those.
func (e *events) count(kind string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[kind]
}

// await waits until an event has come n times, for eventLimit at most.
func (e *events) await(ctx context.Context, kind string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, eventLimit)
	defer cancel()
	for {
		e.mu.Lock()
		seen, ended, fresh := e.seen[kind], e.ended, e.fresh
		e.mu.Unlock()
		if seen >= n {
			return nil
		}
		if ended != nil {
			return fmt.Errorf("baresip told %s %d times, want %d: %w", kind, seen, n, ended)
		}
		select {
		case <-fresh:
		case <-ctx.Done():
			return fmt.Errorf("baresip told %s %d times, want %d: %w", kind, seen, n, ctx.Err())
		}
	}
}

// do gives a command; its answer comes among the events.
func (e *events) do(command, params string) error {
	raw, err := json.Marshal(map[string]string{"command": command, "params": params, "token": command})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.conn, "%d:%s,", len(raw), raw)
	return err
}

// maxNetstring bounds one message of baresip.
const maxNetstring = 64 << 10

// next is the kind of the next event and its particulars; empty for the answer to a command.
func next(in *bufio.Reader) (kind, particulars string, err error) {
	head, err := in.ReadString(':')
	if err != nil {
		return "", "", err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(head, ":"))
	if err != nil || n < 0 || n > maxNetstring {
		return "", "", fmt.Errorf("netstring of length %q", head)
	}
	raw := make([]byte, n+1) // and the comma
	if _, err := io.ReadFull(in, raw); err != nil {
		return "", "", err
	}
	var m struct {
		Type  string `json:"type"`
		Param string `json:"param"`
	}
	if err := json.Unmarshal(raw[:n], &m); err != nil {
		return "", "", fmt.Errorf("baresip told %q: %w", raw[:n], err)
	}
	return m.Type, m.Param, nil
}
