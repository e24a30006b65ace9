package transport

import "errors"

// closeReason is why a connection is over.
type closeReason uint32

const (
	stillOpen          closeReason = iota
	closedByPeer                   // it ended it, or the network did
	closedIdle                     // nothing came for long
	closedSilent                   // nothing came at all
	closedSlowSender               // a message that took too long
	closedBySlowReader             // more was to be written than may wait
	closedUntaken                  // the far end's TCP took nothing of what was sent
	closedByWrite                  // the network, when something was written
	closedGarbage                  // what came is no SIP, no WebSocket frame, or nothing that TLS takes
	closedTooLarge                 // a header, body or frame beyond what is taken
	closedNoLength                 // messages without a Content-Length, or a bad one
	closedProxyHeader              // a PROXY header of somebody who may not send one, or none that can be read
	closedHandshake                // of TLS or WebSocket, that failed or took too long
	closedLimit                    // it was in the place of another
	closedRate                     // its source begins too many
	closedMemory                   // too much was held of messages that are not whole
	closedOnPurpose                // by Disconnect
	closedDrained                  // by Idle
	closedShutdown                 // the process stops
	closeReasons
)

var reasonNames = [closeReasons]string{
	"", "peer", "idle", "silent", "slow_sender", "slow_reader", "untaken", "write_error", "garbage", "too_large", "no_length", "proxy_header",
	"handshake", "no_place", "rate", "memory", "disconnected", "drained", "shutdown",
}

var errClosed = [closeReasons]error{
	closedByPeer:       errors.New("the far end has closed the connection"),
	closedIdle:         errors.New("nothing came for long"),
	closedSilent:       errors.New("nothing came"),
	closedSlowSender:   errors.New("a message took too long to arrive"),
	closedBySlowReader: errQueueFull,
	closedUntaken:      errors.New("nothing of what was sent was taken"),
	closedByWrite:      errors.New("nothing can be written any more"),
	closedGarbage:      errors.New("what came is not SIP"),
	closedTooLarge:     errors.New("a message is too large"),
	closedNoLength:     errors.New("messages without a Content-Length that can be read"),
	closedProxyHeader:  errors.New("a PROXY header that is not allowed, or none that can be read"),
	closedHandshake:    errors.New("the handshake failed"),
	closedLimit:        errors.New("another connection needed the place"),
	closedRate:         errors.New("too many connections of one source"),
	closedMemory:       errors.New("too much was held of messages that are not whole"),
	closedOnPurpose:    errors.New("closed here"),
	closedDrained:      errors.New("closed to move it to another member"),
	closedShutdown:     errors.New("the process stops"),
}
