package kubectl

import (
	"testing"

	"github.com/sipring/sipring/proxy/peer"
)

// TestEachKindOfEventIsInWords: none is shown by the name that it has in JSON.
func TestEachKindOfEventIsInWords(t *testing.T) {
	for _, kind := range []peer.EventKind{
		peer.EventPeerUp, peer.EventPeerLost, peer.EventRingChanged, peer.EventRehomed, peer.EventRepaired, peer.EventSynced,
		peer.EventUnsynced, peer.EventMembers, peer.EventDraining, peer.EventStuck, peer.EventSound,
	} {
		e := &proxyEvent{Kind: string(kind)}
		if got := words(e, nil); got == string(kind) {
			t.Errorf("%s has no words", kind)
		}
	}
}
