package peer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// A TLS handshake costs a third of a millisecond of CPU before it is known
// whether the other side holds a key of the cluster. So the side that dials says
// so in its first message, where a server name is (RFC 6066 3), by a MAC over the
// time and the two ends of the connection, which is read in a microsecond:
//
//	<time, nonce: 32 hex digits>.<MAC: 32 hex digits>.peer.sipring
//
// It is good once, for proofAge and from one address to another. Versions before
// this one say nothing of the kind: their handshakes are bounded more strictly.
const (
	proofSuffix = ".peer.sipring"
	proofAge    = 5 * time.Minute
	proofHead   = 16 // bytes of time, in seconds, and nonce
	proofMAC    = 16
)

// prove returns the proof for a connection between two ends.
func (id *identity) prove(now time.Time, dialler, dialled net.Addr) string {
	var head [proofHead]byte
	binary.BigEndian.PutUint64(head[:], uint64(now.Unix()))
	_, _ = rand.Read(head[8:]) // never fails
	mac := proofOf(id.valid.Load().proofs[0], head[:], dialler, dialled)
	return hex.EncodeToString(head[:]) + "." + hex.EncodeToString(mac) + proofSuffix
}

// proved tells whether the server name is a proof by a key in force, and which.
func (id *identity) proved(name string, now time.Time, dialler, dialled net.Addr) (head [proofHead]byte, ok bool) {
	head, mac, ok := readProof(name)
	if !ok {
		return head, false
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(head[:])), 0))
	if age > proofAge || age < -proofAge {
		return head, false
	}
	for _, key := range id.valid.Load().proofs {
		if hmac.Equal(mac, proofOf(key, head[:], dialler, dialled)) {
			return head, true
		}
	}
	return head, false
}

func readProof(name string) (head [proofHead]byte, mac []byte, ok bool) {
	rest, ok := strings.CutSuffix(name, proofSuffix)
	if !ok || len(rest) != 2*(proofHead+proofMAC)+1 || rest[2*proofHead] != '.' {
		return head, nil, false
	}
	if _, err := hex.Decode(head[:], []byte(rest[:2*proofHead])); err != nil {
		return head, nil, false
	}
	mac, err := hex.DecodeString(rest[2*proofHead+1:])
	return head, mac, err == nil
}

func proofOf(key, head []byte, dialler, dialled net.Addr) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(head)
	for _, a := range []net.Addr{dialler, dialled} {
		ip := addressOf(a).As16()
		h.Write(ip[:])
	}
	return h.Sum(nil)[:proofMAC]
}

func proofKeys(keys *config.Keys) [][]byte {
	out := make([][]byte, 0, len(keys.Keys))
	for _, k := range keys.Keys {
		out = append(out, k.Derive(config.PurposePeerProof))
	}
	return out
}

// addressOf is the IP address of an end of a TCP connection, the unspecified one
// of another.
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.IPv6Unspecified()
}
