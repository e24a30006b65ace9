package node_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/sipring/sipring/proxy/address"
)

const table = "sipring-voice.ring"

// TestHeldWhileItRuns: for longer than the kernel would keep any of it, and no more when
// it is asked to end.
func TestHeldWhileItRuns(t *testing.T) {
	t.Parallel()
	node, _ := newPlaces(t)
	file := configured(t, "ring", sharing(shareFour, shareSix)+listening)
	if err := node.run("--config", file, "--check").wait(); err == nil {
		t.Error("the check passes before the node holds the address")
	}
	c := node.hold(file)
	for end := time.Now().Add(address.GuardLifetime + 2*time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for _, a := range []string{shareFour, shareSix} {
			if at := node.has(a); at != "lo" || !node.guarded(table, a) {
				t.Fatalf("%s is at %q, guarded %v", a, at, node.guarded(table, a))
			}
		}
	}
	if check := node.run("--config", file, "--check"); check.wait() != nil {
		t.Errorf("the check fails: %s", check.said())
	}
	if err := c.end(syscall.SIGTERM); err != nil {
		t.Errorf("it ended with %v: %s", err, c.said())
	}
	for _, a := range []string{shareFour, shareSix} {
		if at := node.has(a); at != "" || node.guarded(table, a) {
			t.Errorf("%s is still at %q, guarded %v", a, at, node.guarded(table, a))
		}
	}
}

// TestLapsesWhenKilled: the address goes by itself, and what guards it no sooner.
func TestLapsesWhenKilled(t *testing.T) {
	t.Parallel()
	node, _ := newPlaces(t)
	c := node.hold(configured(t, "ring", sharing(shareFour, shareSix)+listening))
	_ = c.end(syscall.SIGKILL)
	for _, a := range []string{shareFour, shareSix} {
		if at := node.has(a); at != "lo" {
			t.Fatalf("%s is at %q just after", a, at)
		}
	}
	await(t, address.Lifetime+3*time.Second, "the address to lapse", func() bool {
		guarded := node.guarded(table, shareFour) && node.guarded(table, shareSix)
		gone := node.has(shareFour) == "" && node.has(shareSix) == ""
		if !guarded && !gone {
			t.Error("the address is there and nothing guards it")
		}
		return gone
	})
	await(t, address.GuardLifetime, "what guards it to lapse", func() bool {
		return !node.guarded(table, shareFour) && !node.guarded(table, shareSix)
	})
}

// TestHeldByTheNext: a process that is started after one that was killed goes on, and the
// address is there all the time.
func TestHeldByTheNext(t *testing.T) {
	t.Parallel()
	node, _ := newPlaces(t)
	file := configured(t, "ring", sharing(shareFour)+listening)
	_ = node.hold(file).end(syscall.SIGKILL)
	node.hold(file)
	for end := time.Now().Add(address.Lifetime + 2*time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if at := node.has(shareFour); at != "lo" || !node.guarded(table, shareFour) {
			t.Fatalf("it is at %q, guarded %v", at, node.guarded(table, shareFour))
		}
	}
}

// TestAnotherAddressThen: what one that was killed held is not left behind unguarded.
func TestAnotherAddressThen(t *testing.T) {
	t.Parallel()
	node, _ := newPlaces(t)
	_ = node.hold(configured(t, "ring", sharing(shareFour, shareSix)+listening)).end(syscall.SIGKILL)
	node.hold(configured(t, "ring", sharing("192.0.2.10")+listening))
	for a, want := range map[string]string{shareFour: "", shareSix: "", "192.0.2.10": "lo"} {
		if at := node.has(a); at != want || node.guarded(table, a) != (want != "") {
			t.Errorf("%s is at %q, guarded %v", a, at, node.guarded(table, a))
		}
	}
}

// TestThereAgain: what somebody removes comes back before it could lapse.
func TestThereAgain(t *testing.T) {
	t.Parallel()
	node, _ := newPlaces(t)
	node.hold(configured(t, "ring", sharing(shareFour)+listening))
	node.do(func() {
		lo, err := netlink.LinkByName("lo")
		check(t, err)
		a, err := netlink.ParseAddr(shareFour + "/32")
		check(t, err)
		check(t, netlink.AddrDel(lo, a))
	})
	await(t, address.Period/2, "the address to come back", func() bool { return node.has(shareFour) == "lo" })
}

// TestSomebodyElses: an address that somebody has configured is neither taken nor removed.
func TestSomebodyElses(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"lo", "eth0"} {
		node, _ := newPlaces(t)
		node.add(at, shareFour+"/32", 0)
		c := node.run("--config", configured(t, "ring", sharing(shareFour)+listening))
		if err := c.wait(); err == nil || !strings.Contains(c.said(), "somebody else has configured "+shareFour+" on this node, at the interface "+at) {
			t.Errorf("at %s it ended with %v: %s", at, err, c.said())
		}
		if got := node.has(shareFour); got != at+" for good" || node.guarded(table, shareFour) {
			t.Errorf("it is at %q, guarded %v", got, node.guarded(table, shareFour))
		}
	}
}

// TestSomebodyElsesLater: so it is where somebody configures it meanwhile.
func TestSomebodyElsesLater(t *testing.T) {
	t.Parallel()
	node, _ := newPlaces(t)
	c := node.hold(configured(t, "ring", sharing(shareFour)+listening))
	node.add("lo", shareFour+"/32", 0)
	if err := c.wait(); err == nil || !strings.Contains(c.said(), "somebody else has configured") {
		t.Errorf("it ended with %v: %s", err, c.said())
	}
	if got := node.has(shareFour); got != "lo for good" {
		t.Errorf("it is at %q", got)
	}
}

// TestTwoClusters on a node have each their address, and cannot share one.
func TestTwoClusters(t *testing.T) {
	t.Parallel()
	node, _ := newPlaces(t)
	one := node.hold(configured(t, "ring", sharing(shareFour)+listening))
	other := node.hold(configured(t, "other", sharing(shareSix)+listening))
	same := node.run("--config", configured(t, "third", sharing(shareFour)+listening))
	if err := same.wait(); err == nil || !strings.Contains(same.said(), "another cluster holds "+shareFour+" on this node (table "+table+" of nftables)") {
		t.Errorf("the third ended with %v: %s", err, same.said())
	}
	if err := one.end(syscall.SIGTERM); err != nil {
		t.Error(err, one.said())
	}
	if node.has(shareFour) != "" || node.has(shareSix) != "lo" || !node.guarded("sipring-voice.other", shareSix) {
		t.Errorf("one ended: %q, %q, guarded %v", node.has(shareFour), node.has(shareSix), node.guarded("sipring-voice.other", shareSix))
	}
	if err := other.end(syscall.SIGTERM); err != nil {
		t.Error(err, other.said())
	}
}
