package token

import (
	"net/netip"
	"strings"
	"testing"
)

func TestHopHoldsForItsTransactionAndAddress(t *testing.T) {
	alice := netip.MustParseAddrPort("192.0.2.1:5060")
	ab, ba, b := testKeys(t, 1, 2), testKeys(t, 2, 1), testKeys(t, 2)
	tx, other := TxID{1, 2, 3}, TxID{1, 2, 4}
	good := ab.AppendHop([]byte("h="), tx, alice, 7)[2:]
	if len(good) != HopLen || strings.Trim(string(good), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("hop %q", good)
	}
	for name, c := range map[string]struct {
		keys *Keys
		hop  string
		tx   TxID
		to   string
		want bool
	}{
		"the pod that wrote it":           {ab, string(good), tx, "192.0.2.1:5060", true},
		"a pod that signs with another":   {ba, string(good), tx, "192.0.2.1:5060", true},
		"the address in its other form":   {ab, string(good), tx, "[::ffff:192.0.2.1]:5060", true},
		"a pod that has the key no more":  {b, string(good), tx, "192.0.2.1:5060", false},
		"another transaction":             {ab, string(good), other, "192.0.2.1:5060", false},
		"another host":                    {ab, string(good), tx, "192.0.2.2:5060", false},
		"another port":                    {ab, string(good), tx, "192.0.2.1:5061", false},
		"a larger share":                  {ab, "8" + string(good[1:]), tx, "192.0.2.1:5060", false},
		"no share":                        {ab, "=" + string(good[1:]), tx, "192.0.2.1:5060", false},
		"nothing":                         {ab, "", tx, "192.0.2.1:5060", false},
		"shorter":                         {ab, string(good[1:]), tx, "192.0.2.1:5060", false},
		"longer":                          {ab, string(good) + "A", tx, "192.0.2.1:5060", false},
		"with a line break instead":       {ab, string(good[:8]) + "\n", tx, "192.0.2.1:5060", false},
		"the same but for the last digit": {ab, string(good[:8]) + "~", tx, "192.0.2.1:5060", false},
	} {
		if share, got := c.keys.ParseHop([]byte(c.hop), c.tx, netip.MustParseAddrPort(c.to)); got != c.want || got && share != 7 || !got && share != 0 {
			t.Errorf("%s: %v, share %d", name, got, share)
		}
	}
	if got, want := string(good), "HqYvxUEO1"; got != want {
		t.Errorf("pods of different versions do not understand each other: %s, was %s", got, want)
	}
}
