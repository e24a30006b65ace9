package command

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

const testIdentity = "voice/ring/7e0c1a52"

// publishSigned writes the member set signed by the keys.
func (f *folder) publishSigned(keys *config.Keys) {
	f.t.Helper()
	f.publishSignedFor(testIdentity, keys)
}

func (f *folder) publishSignedFor(identity string, keys *config.Keys) {
	f.t.Helper()
	signed, err := keys.Sign(identity, &f.set)
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := signed.Marshal()
	if err != nil {
		f.t.Fatal(err)
	}
	f.write("members.json", b)
}

func (f *folder) trust(keys *config.Keys) {
	f.t.Helper()
	f.trustFor(testIdentity, keys)
}

func (f *folder) trustFor(identity string, keys *config.Keys) {
	f.t.Helper()
	b, err := keys.Trust(identity).Marshal()
	if err != nil {
		f.t.Fatal(err)
	}
	f.write("trust.json", b)
}

// TestProxyBelievesSignedSetsAlone: one that nobody it trusts has signed neither
// starts nor changes it, and one that was refused is taken when the trust follows.
func TestProxyBelievesSignedSetsAlone(t *testing.T) {
	f := newFolder(t, 1)
	signer := config.NewKeys()
	f.set.Ring = config.Ring{Partitions: 64, Replicas: 2}
	f.trust(signer)
	f.publish() // unsigned
	f.start("m1", "--address", f.set.Members[0].Address, "--trust", f.file("trust.json"))
	f.await(1, "/readyz", func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "not in the member set yet")
	})
	f.set.Epoch++
	f.publishSigned(signer)
	f.await(1, "/readyz", ready)
	epoch := func(want string) func(int, string) bool {
		return func(_ int, body string) bool {
			return strings.Contains(body, "\nsipring_proxy_ring_epoch "+want+"\n")
		}
	}
	refused := func(want string) func(int, string) bool {
		return func(_ int, body string) bool {
			return strings.Contains(body, `sipring_proxy_member_sets_refused_total{source="own"} `+want+"\n")
		}
	}
	f.await(1, "/metrics", epoch("2"))
	f.await(1, "/metrics", refused("1"))
	later := config.NewKeys()
	f.set.Epoch++
	f.publishSigned(later)
	f.await(1, "/metrics", refused("2"))
	f.await(1, "/metrics", epoch("2"))
	f.trust(later)
	f.await(1, "/metrics", epoch("3"))
}

// TestProxyFollowsTheIdentity: the SIPCluster was deleted without its objects and
// made anew, so sets are signed for another identity. A proxy that runs on takes
// them once it is told so, whichever comes first, and none that is signed for the
// identity of before.
func TestProxyFollowsTheIdentity(t *testing.T) {
	const next = "voice/ring/another"
	f := newFolder(t, 1)
	signer := config.NewKeys()
	f.set.Ring = config.Ring{Partitions: 64, Replicas: 2}
	f.trust(signer)
	f.publishSigned(signer)
	f.start("m1", "--address", f.set.Members[0].Address, "--trust", f.file("trust.json"))
	f.await(1, "/readyz", ready)
	has := func(text string) func(int, string) bool {
		return func(_ int, body string) bool { return strings.Contains(body, "\n"+text+"\n") }
	}
	refused := func(n string) func(int, string) bool {
		return has(`sipring_proxy_member_sets_refused_total{source="own"} ` + n)
	}
	f.set.Epoch = 2
	f.publishSignedFor(next, signer) // the set is there before the trust
	f.await(1, "/metrics", refused("1"))
	f.await(1, "/metrics", has("sipring_proxy_ring_epoch 1"))
	f.trustFor(next, signer)
	f.await(1, "/metrics", has("sipring_proxy_ring_epoch 2"))
	f.set.Epoch = 3
	f.publishSigned(signer) // of before
	f.await(1, "/metrics", refused("2"))
	f.await(1, "/metrics", has("sipring_proxy_ring_epoch 2"))
	f.set.Epoch = 4
	f.publishSignedFor(next, signer)
	f.await(1, "/metrics", has("sipring_proxy_ring_epoch 4"))
	f.await(1, "/readyz", ready)
}
