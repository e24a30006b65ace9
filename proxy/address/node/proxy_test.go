package node_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// options asks the proxy at an address, and is the first line of what comes from there.
func (p *place) options(address, from string) (first string) {
	p.t.Helper()
	p.do(func() {
		c, err := net.Dial("udp", net.JoinHostPort(address, "5060"))
		if err != nil {
			p.t.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		local := c.LocalAddr().String()
		_ = c.SetDeadline(time.Now().Add(500 * time.Millisecond))
		_, _ = fmt.Fprintf(c, "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:example.com>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
			local, time.Now().UnixNano(), from)
		answer := make([]byte, 4096)
		n, err := c.Read(answer) // of a connected socket: from that address alone
		if err == nil {
			first, _, _ = strings.Cut(string(answer[:n]), "\r\n")
		}
	})
	return first
}

// TestProxyAtTheAddress: a proxy beside the process receives and sends at the addresses, has
// its own ports at the node's own, and goes on where it is started again in place.
func TestProxyAtTheAddress(t *testing.T) {
	t.Parallel()
	node, outside := newPlaces(t)
	file := configured(t, "ring", sharing(shareFour, shareSix))
	members := filepath.Join(t.TempDir(), "members.json")
	const set = `{"epoch": 1, "advertise": "` + shareFour + `", "members": [{"id": 1, "name": "one", "address": "` + nodeFour + `", "state": "active"}]}`
	if err := os.WriteFile(members, []byte(set), 0o600); err != nil {
		t.Fatal(err)
	}
	node.hold(file)
	start := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "proxy", "--config", file, "--members", members, "--name", "one", "--address", nodeFour)
		said := &process{}
		cmd.Stdout, cmd.Stderr = said, said
		node.do(func() { check(t, cmd.Start()) })
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				t.Log(said.said())
			}
		})
		return cmd
	}
	answers := func() {
		for _, a := range []string{shareFour, shareSix} {
			await(t, 10*time.Second, "an answer from "+a, func() bool {
				return strings.HasPrefix(outside.options(a, "call"), "SIP/2.0 ")
			})
		}
	}
	first := start()
	answers()
	if got := outside.options(nodeFour, "other"); got != "" {
		t.Errorf("it answers at the node's own address: %s", got)
	}
	for _, port := range []int{7947, 7948, 9090} {
		if outside.reaches("tcp", shareFour, port, 0) || !outside.reaches("tcp", nodeFour, port, 0) {
			t.Errorf("port %d is reached at the shared address, or not at the node's own", port)
		}
	}
	check(t, first.Process.Signal(syscall.SIGKILL))
	_ = first.Wait()
	if at := node.has(shareFour); at != "lo" {
		t.Errorf("the proxy is killed, and the address is at %q", at)
	}
	start()
	answers()
}
