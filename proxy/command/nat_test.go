package command

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// from waits for a message whose first line has the text, and returns where it came from.
func (p *phone) from(first string) (message string, from netip.Addr) {
	p.t.Helper()
	b := make([]byte, 65535)
	_ = p.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, a, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			p.t.Fatalf("no %s comes: %v", first, err)
		}
		if line, _, _ := strings.Cut(string(b[:n]), "\r\n"); strings.Contains(line, first) {
			return string(b[:n]), a.Addr().Unmap()
		}
	}
}

// A phone behind NAT registers by way of a process that is killed. Its next keep-alive has the
// one that this comes to reach it, as all of them know, and a call that came before has waited.
func TestNATFlowOutlivesItsMember(t *testing.T) {
	f := newFolder(t, 3)
	f.write("config.yaml", fmt.Appendf(nil, "cluster: test\ndomains: [example.com]\nlogLevel: error\ndrainSeconds: 1\negress: {contacts: Any}\nports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\n"))
	f.set.Ring = config.Ring{Partitions: 64, Replicas: 2}
	f.publish()
	w := &walk{folder: f, members: []int{1, 2}}
	children := []*os.Process{}
	for i, m := range f.set.Members {
		if i < 2 {
			f.start(m.Name, "--address", m.Address, "--keys", f.file("keys.json"))
		} else {
			children = append(children, w.child(m.Name, m.Address))
		}
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	alice, phones := newPhone(t), []*phone{}
	for i := range 20 { // at homes of all members
		bob := newPhone(t)
		phones = append(phones, bob)
		inside, uri := fmt.Sprintf("10.1.2.%d:5060", i+1), fmt.Sprintf("sip:bob%d@example.com", i)
		bob.send(w.address(3), "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP "+inside+";rport;branch=z9hG4bKr"+fmt.Sprint(i)+"\r\nMax-Forwards: 70\r\n"+
			"From: <"+uri+">;tag=1\r\nTo: <"+uri+">\r\nCall-ID: "+inside+"\r\nCSeq: 1 REGISTER\r\nContact: <sip:bob@"+inside+">\r\nExpires: 300\r\nContent-Length: 0\r\n\r\n")
		bob.receive(" 200 ")
		alice.request(w.address(1), "OPTIONS", uri, "")
		options, from := bob.from("OPTIONS")
		if from.String() != w.address(3) {
			t.Fatalf("before: from %s, not from %s", from, w.address(3))
		}
		bob.answer(w.address(3), options, "200 OK")
		alice.receive(" 200 ")
	}
	if err := children[0].Kill(); err != nil {
		t.Fatal(err)
	}
	for i, bob := range phones {
		uri, at := fmt.Sprintf("sip:bob%d@example.com", i), 1+i%2
		early := i < 10
		if early { // the call waits, or is sent once the loss is known
			alice.request(w.address(1), "OPTIONS", uri, "")
		}
		reached := make(chan struct{})
		go func() { // until somebody waits for it, a keep-alive is nothing
			for {
				a := net.UDPAddr{IP: net.ParseIP(w.address(at)), Port: 15060}
				_, _ = bob.conn.WriteToUDP([]byte("\r\n\r\n"), &a)
				select {
				case <-reached:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		}()
		if !early {
			alice.request(w.address(1), "OPTIONS", uri, "")
		}
		options, from := bob.from("OPTIONS")
		close(reached)
		if from.String() != w.address(at) {
			t.Fatalf("%s: from %s, not from %s", uri, from, w.address(at))
		}
		bob.answer(w.address(at), options, "200 OK")
		alice.receive(" 200 ")
	}
	w.begun = map[int]map[string]float64{}
	claimed := 0.0
	for _, member := range w.members {
		claimed += w.series(member)[`flow_claims_total{result="taken"}`]
	}
	if claimed < 20 {
		t.Errorf("%v flows were taken over, want 20", claimed)
	}
}
