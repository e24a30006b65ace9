package sim

import (
	"testing"

	"github.com/sipring/sipring/proxy/cluster/internal/fault"
)

// TestPlanted shows that the simulation can fail: members that make a mistake are found out within some seeds.
func TestPlanted(t *testing.T) {
	const within = 400
	for name, plant := range map[string]fault.Set{
		"a 200 before the others have confirmed":           {SkipAcks: true},
		"removals kept from the others":                    {DropTombstones: true},
		"the last copy to arrive wins":                     {LastArrivalWins: true},
		"a partition counts as held without being fetched": {SkipFetch: true},
		"reads answered while filling":                     {AnswerWhileFilling: true},
		"updates not sent to those who announced to hold":  {IgnoreNewHolders: true},
		"a partition dropped before its owners hold it":    {ForgetEarly: true},
		"fetched before updates are sure to come":          {FetchUnconfirmed: true},
		"serving on after the process was stopped":         {TrustStall: true},
		"serving on though taken for dead meanwhile":       {TrustMissed: true},
		"updates under way not extended to new holders":    {KeepPending: true, SkipRelay: true},
	} {
		t.Run(name, func(t *testing.T) {
			for s := uint64(1); s <= within; s++ {
				if r := Run(Config{Seed: s, Plant: plant}); r.Failure != "" {
					t.Logf("seed %d: %s", s, r.Failure)
					return
				}
			}
			t.Errorf("not found within %d seeds", within)
		})
	}
}
