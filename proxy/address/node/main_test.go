package node_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/command"
	"github.com/sipring/sipring/proxy/command/commandtest"
)

func TestMain(m *testing.M) {
	if commandtest.Ran(command.Address()) {
		return
	}
	os.Exit(m.Run())
}

// The two ends of the only link of a node.
const (
	nodeFour, nodeSix       = "10.0.0.1", "fd00::1"
	outsideFour, outsideSix = "10.0.0.2", "fd00::2"
	shareFour, shareSix     = "192.0.2.9", "2001:db8::9"
)

// place is a network namespace.
type place struct {
	t      *testing.T
	handle netns.NsHandle
}

// do runs f within.
func (p *place) do(f func()) {
	p.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and the thread ends with the goroutine
		if err := netns.Set(p.handle); err != nil {
			p.t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// newPlaces are a node and what is outside of it, which reaches the shared addresses by
// the node.
func newPlaces(t *testing.T) (node, outside *place) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	make := func() *place {
		p := &place{t: t}
		done := make(chan error)
		go func() {
			runtime.LockOSThread()
			handle, err := netns.New()
			p.handle = handle
			done <- err
		}()
		if err := <-done; err != nil {
			t.Fatal("a network namespace:", err)
		}
		t.Cleanup(func() { _ = p.handle.Close() })
		return p
	}
	node, outside = make(), make()
	node.do(func() {
		link := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "eth0", PeerNamespace: netlink.NsFd(outside.handle)}
		link.Name = "eth0"
		check(t, netlink.LinkAdd(link))
	})
	node.up(nodeFour, nodeSix)
	outside.up(outsideFour, outsideSix)
	for _, p := range []*place{node, outside} { // what is sent before is lost
		await(t, 5*time.Second, "the link to be up", func() (is bool) {
			p.do(func() {
				link, err := netlink.LinkByName("eth0")
				is = err == nil && link.Attrs().OperState == netlink.OperUp
			})
			return is
		})
	}
	outside.route(shareFour, nodeFour)
	outside.route(shareSix, nodeSix)
	return node, outside
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// up gives the interfaces their addresses.
func (p *place) up(four, six string) {
	p.t.Helper()
	p.do(func() {
		for _, name := range []string{"lo", "eth0"} {
			link, err := netlink.LinkByName(name)
			check(p.t, err)
			check(p.t, netlink.LinkSetUp(link))
		}
	})
	p.add("eth0", four+"/24", 0)
	p.add("eth0", six+"/64", unix.IFA_F_NODAD)
}

// add adds an address for good.
func (p *place) add(at, address string, flags int) {
	p.t.Helper()
	p.do(func() {
		link, err := netlink.LinkByName(at)
		check(p.t, err)
		a, err := netlink.ParseAddr(address)
		check(p.t, err)
		a.Flags = flags
		check(p.t, netlink.AddrReplace(link, a))
	})
}

func (p *place) route(to, by string) {
	p.t.Helper()
	p.do(func() {
		ip := netip.MustParseAddr(to)
		check(p.t, netlink.RouteAdd(&netlink.Route{
			Dst: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())}, Gw: net.ParseIP(by),
		}))
	})
}

// has says where the node has an address, and whether for good; empty: nowhere.
func (p *place) has(address string) (at string) {
	p.t.Helper()
	p.do(func() {
		links, err := netlink.LinkList()
		check(p.t, err)
		for _, l := range links {
			all, err := netlink.AddrList(l, netlink.FAMILY_ALL)
			check(p.t, err)
			for _, a := range all {
				if a.IP.String() == address {
					at = l.Attrs().Name
					if a.Flags&unix.IFA_F_PERMANENT != 0 {
						at += " for good"
					}
				}
			}
		}
	})
	return at
}

// guarded says that a table is there, with the address in its set.
func (p *place) guarded(table, address string) (is bool) {
	p.t.Helper()
	a, name := netip.MustParseAddr(address), "addresses4"
	if a.Is6() {
		name = "addresses6"
	}
	p.do(func() {
		elements, err := (&nftables.Conn{}).GetSetElements(&nftables.Set{
			Table: &nftables.Table{Name: table, Family: nftables.TableFamilyINet}, Name: name,
		})
		is = err == nil && len(elements) == 1 && bytes.Equal(elements[0].Key, a.AsSlice())
	})
	return is
}

// process is `sipring address` on a node.
type process struct {
	t      *testing.T
	p      *place
	cmd    *exec.Cmd
	ended  chan error
	mu     sync.Mutex
	output strings.Builder
}

func (c *process) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.output.Write(b)
}

func (c *process) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.output.String()
}

const listening = "listeners: [{name: a, protocol: UDP, port: 5060}, {name: b, protocol: TCP, port: 5061}]\n"

// configured is the configuration of a cluster, in a file.
func configured(t *testing.T, cluster, rest string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("cluster: "+cluster+"\ndomains: [example.com]\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sharing(addresses ...string) string {
	return fmt.Sprintf("sharedAddresses: ['%s']\n", strings.Join(addresses, "', '"))
}

// run starts the command in the node's namespace.
func (p *place) run(args ...string) *process {
	p.t.Helper()
	c := &process{t: p.t, p: p, ended: make(chan error, 1)}
	p.do(func() {
		c.cmd = exec.Command(os.Args[0], append([]string{"address", "--namespace", "voice"}, args...)...)
		c.cmd.Stdout, c.cmd.Stderr = c, c
		if err := c.cmd.Start(); err != nil {
			p.t.Error(err)
		}
	})
	if c.cmd.Process == nil {
		p.t.FailNow()
	}
	go func() { c.ended <- c.cmd.Wait() }()
	p.t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	return c
}

// hold runs it until it holds the addresses.
func (p *place) hold(file string) *process {
	p.t.Helper()
	c := p.run("--config", file)
	await(p.t, 10*time.Second, "the node to hold the address: "+c.said(), func() bool { return strings.Contains(c.said(), "holds the address") })
	return c
}

// end asks it to end, and is its error.
func (c *process) end(s syscall.Signal) error {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
	return c.wait()
}

func (c *process) wait() error {
	c.t.Helper()
	select {
	case err := <-c.ended:
		return err
	case <-time.After(20 * time.Second):
		c.t.Fatalf("it goes on: %s", c.said())
		return nil
	}
}

// await asks until it holds.
func await(t *testing.T, atMost time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(atMost); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s in vain for %s", atMost, what)
		}
	}
}
