// Package wsframe takes the messages of a WebSocket (RFC 6455) out of the bytes that a
// client sends, in the buffer that they are in.
//
// # Invariants
//
//   - It is pure: bytes in, what they hold out.
//   - No more than the size it is given is ever asked for.
//   - What RFC 6455 has fail the connection does, with the code it says: no extension
//     is agreed on, so none is taken.
package wsframe

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// Kind is what came.
type Kind uint8

// The kinds.
const (
	// More: more bytes are needed.
	More Kind = iota
	// Message: a whole one, of any number of fragments (RFC 6455 5.4).
	Message
	// Ping is to be answered with a Pong of the same data (RFC 6455 5.5.2).
	Ping
	Pong
	// Close: the client ends the connection (RFC 6455 5.5.1).
	Close
	// Fault: the connection has to be failed (RFC 6455 7.1.7).
	Fault
)

// Event is what Next found.
type Event struct {
	Kind Kind
	// Data of a Message are the first bytes of the buffer, to be cut off when they
	// have been handled; of Ping and Pong they are good until the next call.
	Data []byte
	Text bool // of a Message
	// Code of a Close is what to answer it with, of a Fault why.
	Code ws.StatusCode
}

// Assembler takes frames from the beginning of a buffer. The zero value but for Most is
// at the beginning of a connection.
type Assembler struct {
	// Most is the largest message with the header of its last frame, in bytes.
	Most int

	begun   bool // a message is there in part
	text    bool
	have    int // bytes of it, at the beginning of the buffer
	control [ws.MaxControlFramePayloadSize]byte
}

// Next takes the first frames from b, up to something to be told, and returns how many
// bytes there are then in b. It rewrites b.
func (a *Assembler) Next(b []byte) (e Event, n int) {
	n = len(b)
	for {
		f := readFrame(b[a.have:n])
		switch {
		case f.fault != 0:
			return Event{Kind: Fault, Code: f.fault}, n
		case f.head == 0:
			return Event{}, n
		case !f.control() && a.outOfTurn(f.op):
			return Event{Kind: Fault, Code: ws.StatusProtocolError}, n
		case f.length > uint64(a.Most) || a.have+f.head+int(f.length) > a.Most:
			return Event{Kind: Fault, Code: ws.StatusMessageTooBig}, n
		case a.have+f.size() > n:
			return Event{}, n
		}
		frame := b[a.have : a.have+f.size()]
		payload := frame[f.head:]
		ws.Cipher(payload, f.mask, 0)
		if f.control() {
			payload = a.control[:copy(a.control[:], payload)]
			n = a.have + copy(b[a.have:], b[a.have+f.size():n])
			return controlEvent(f.op, payload), n
		}
		if !a.begun {
			a.begun, a.text = true, f.op == ws.OpText
		}
		copy(frame, payload)
		a.have += len(payload)
		n = a.have + copy(b[a.have:], b[a.have+f.head:n])
		if f.last {
			return a.whole(b), n
		}
	}
}

func (a *Assembler) outOfTurn(op ws.OpCode) bool { return (op == ws.OpContinuation) != a.begun }

// whole is the message that is at the beginning of b.
func (a *Assembler) whole(b []byte) Event {
	e := Event{Kind: Message, Data: b[:a.have], Text: a.text}
	a.begun, a.have = false, 0
	if e.Text && !utf8.Valid(e.Data) { // RFC 6455 8.1
		return Event{Kind: Fault, Code: ws.StatusInvalidFramePayloadData}
	}
	return e
}

func controlEvent(op ws.OpCode, payload []byte) Event {
	switch op {
	case ws.OpPing:
		return Event{Kind: Ping, Data: payload}
	case ws.OpPong:
		return Event{Kind: Pong, Data: payload}
	}
	switch len(payload) {
	case 0:
		return Event{Kind: Close, Code: ws.StatusNormalClosure}
	case 1:
		return Event{Kind: Fault, Code: ws.StatusProtocolError}
	}
	code := ws.StatusCode(binary.BigEndian.Uint16(payload))
	if !mayBeSent(code) || !utf8.Valid(payload[2:]) {
		return Event{Kind: Fault, Code: ws.StatusProtocolError}
	}
	return Event{Kind: Close, Code: code}
}

// mayBeSent reports whether a code may stand in a Close (RFC 6455 7.4).
func mayBeSent(c ws.StatusCode) bool {
	return c >= 1000 && c <= 1003 || c >= 1007 && c <= 1014 || c >= 3000 && c <= 4999
}
