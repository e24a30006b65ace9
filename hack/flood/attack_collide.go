package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"net/netip"
	"strings"
)

// collide registers users whose addresses-of-record have one hash if that is
// xxhash64 without a seed, and refreshes them.
func collide(ctx context.Context, s *site) (outcome, error) {
	users := colliding(collisions)
	n, err := flood(ctx, s, 8_000, func(i int, via netip.AddrPort) []byte {
		r := register(via, users[i%len(users)], fmt.Sprintf("sip:c@%s", via))
		r.callID, r.cseq = fmt.Sprintf("collide%d", i%len(users)), i+1
		return r.bytes()
	})
	return outcome{Note: sent(n, s, fmt.Sprintf("REGISTERs of %d users with one hash", len(users)))}, err
}

// collisions is how many variants each lane of the hash has; the users are its
// fourth power.
const collisions = 11

// Constants of xxhash64.
const (
	prime1 uint64 = 0x9e3779b185ebca87
	prime2 uint64 = 0xc2b2ae3d27d4eb4f
)

// userBytes may stand in a user part as they are (RFC 3261 25.1).
const userBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()&=+$,"

// colliding returns variants^4 user parts of 60 bytes, so that what begins with
// "sip:" and one of them has one hash whatever follows. xxhash64 takes stripes of
// 32 bytes, each as four words that go to a lane of their own. A lane's state after
// one word x is rotate(state + x*prime2)*prime1, and prime2 has an inverse: for
// every first word there is a second that leads to a state chosen before.
func colliding(variants int) []string {
	one, two := prime1, prime2 // these wrap around, as constants cannot
	inverse := two             // Newton's iteration doubles the bits that are right
	for range 6 {
		inverse *= 2 - two*inverse
	}
	start := [4]uint64{one + two, two, 0, -one}
	var lanes [4][][2]uint64
	for lane := range lanes {
		goal := rand.Uint64()
		for len(lanes[lane]) < variants {
			first := word(lane == 0)
			second := (goal - bits.RotateLeft64(start[lane]+first*prime2, 31)*prime1) * inverse
			if isUser(second) {
				lanes[lane] = append(lanes[lane], [2]uint64{first, second})
			}
		}
	}
	var users []string
	for _, a := range lanes[0] {
		for _, b := range lanes[1] {
			for _, c := range lanes[2] {
				for _, d := range lanes[3] {
					var text []byte
					for _, w := range []uint64{a[0], b[0], c[0], d[0], a[1], b[1], c[1], d[1]} {
						text = binary.LittleEndian.AppendUint64(text, w)
					}
					users = append(users, string(text[len("sip:"):]))
				}
			}
		}
	}
	return users
}

// word is eight random bytes of a user part, the first four "sip:" where it begins.
func word(begins bool) uint64 {
	var b [8]byte
	for i := range b {
		b[i] = userBytes[rand.IntN(len(userBytes))]
	}
	if begins {
		copy(b[:], "sip:")
	}
	return binary.LittleEndian.Uint64(b[:])
}

func isUser(w uint64) bool {
	for range 8 {
		if strings.IndexByte(userBytes, byte(w)) < 0 {
			return false
		}
		w >>= 8
	}
	return true
}
