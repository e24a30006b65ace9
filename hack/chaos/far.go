package main

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// far is where all phones are reached: it answers, and tells who was reached.
type far struct {
	conn    *net.UDPConn
	address netip.AddrPort
	members *members
	reached func(callID string, phone, version int, at time.Time, by string)

	ctx     context.Context // of those that repeat their answer
	cancel  context.CancelFunc
	mu      sync.Mutex
	ringing map[string]context.CancelFunc // by Call-ID: INVITEs whose answer is repeated
	running sync.WaitGroup
}

// answerTime bounds how long an answer to INVITE is repeated. RFC 3261 17.2.1 has
// 32 s (Timer H); no caller waits for that long here.
const answerTime = 12 * time.Second

func newFar(at netip.Addr, m *members, reached func(callID string, phone, version int, at time.Time, by string)) (*far, error) {
	conn, err := listen(at)
	if err != nil {
		return nil, err
	}
	f := &far{conn: conn, address: local(conn), members: m, reached: reached, ringing: map[string]context.CancelFunc{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.running.Go(func() { receive(conn, f.take) })
	return f, nil
}

func (f *far) close() {
	f.cancel()
	_ = f.conn.Close()
	f.running.Wait()
}

// take answers one message.
func (f *far) take(m *message, from netip.AddrPort) {
	if m.code() != 0 {
		return
	}
	callID := m.get("call-id")
	method, _, _ := strings.Cut(m.start, " ")
	if method == "ACK" {
		f.hush(callID)
		return
	}
	phone, version, ok := contact(m.start)
	if !ok {
		f.send(answerTo(m, 404, "Not Found"), from)
		return
	}
	by := from.String()
	if i, ok := f.members.at(from); ok {
		by = f.members.list[i].name
	}
	f.reached(callID, phone, version, time.Now(), by)
	if method == "INVITE" {
		f.decline(callID, answerTo(m, 486, "Busy Here"), from)
		return
	}
	f.send(answerTo(m, 200, "OK"), from)
}

func (f *far) send(b []byte, to netip.AddrPort) { _, _ = f.conn.WriteToUDPAddrPort(b, to) }

// decline answers an INVITE, and repeats that until the ACK comes (RFC 3261
// 17.2.1, Timer G). The Via names the cluster's address; where that leads is
// another member each time.
func (f *far) decline(callID string, response []byte, from netip.AddrPort) {
	f.send(response, from)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ringing[callID] != nil {
		return
	}
	ctx, cancel := context.WithTimeout(f.ctx, answerTime)
	f.ringing[callID] = cancel
	f.running.Go(func() {
		defer f.hush(callID)
		for interval := t1; ; interval = min(2*interval, t2) {
			select {
			case <-time.After(interval):
				f.send(response, f.members.another(nil).address)
			case <-ctx.Done():
				return
			}
		}
	})
}

// hush ends the repetition.
func (f *far) hush(callID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel := f.ringing[callID]; cancel != nil {
		cancel()
		delete(f.ringing, callID)
	}
}
