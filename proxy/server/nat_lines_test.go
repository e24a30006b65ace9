package server

import "testing"

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
