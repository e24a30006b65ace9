package server

import (
	"net/netip"
	"testing"
)

// Two lines of a phone behind NAT are one flow: whoever has it by a packet, or by a REGISTER of
// one of them, reaches the phone for both.
func TestNATTwoLinesOfAPhone(t *testing.T) {
	t.Parallel()
	for name, moves := range map[string]func(t *testing.T, x []*proxy, bob *phone){
		"its member dies": func(t *testing.T, x []*proxy, bob *phone) {
			x[0].kill()
			missing(t, x[2], 1)
			bob.movesTo(x[2])
			bob.sendRaw(x[2].addr, []byte("\r\n\r\n"))
			counted(t, "claims", x[2].metrics.claims[claimTaken].Load, 1)
		},
		"one registers elsewhere": func(t *testing.T, x []*proxy, bob *phone) {
			bob.movesTo(x[2])
			bob.register(x[2])
			x[2].ownedBy(t, bobAOR)
		},
	} {
		for at := 1; at <= 2; at++ {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				x, alice, bob := natted(t)
				bob.user = "carol"
				bob.register(x[0])
				bob.user = "bob"
				moves(t, x, bob)
				bob.isCalled(t, alice.ring(x[at].addr, bobAOR))
				bob.isCalled(t, alice.ring(x[at].addr, "sip:carol@example.com"))
			})
		}
	}
}

// Callers from forged addresses, who are noted for a day, leave room for who registers.
func TestNATCallersLeaveRoomForPhones(t *testing.T) {
	t.Parallel()
	var o owned
	k := func(i, listener int) source {
		return source{at: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 16), byte(i >> 8)}), uint16(i<<8|1)), listener: uint16(listener)}
	}
	for i := range 2 * maxOwned {
		o.addCaller(k(i, i), 0)
	}
	for i := range maxOwned / 4 {
		if o.add(k(i, maxOwned), 0, 10); !o.has(k(i, maxOwned), 1) {
			t.Fatalf("%d callers leave room for %d phones", callersOwned, i)
		}
	}
	if !o.may(k(2*maxOwned-1, 2*maxOwned-1), 1) {
		t.Error("a caller that was not noted is not sent to")
	}
}
