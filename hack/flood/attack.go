package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// attack is one way to do harm. run does it until the context ends.
type attack struct {
	name, about string
	quick       bool // part of a short run
	restarts    bool // a member is started again meanwhile
	asks        bool // the proxies ask who registers and calls
	run         func(ctx context.Context, s *site) (outcome, error)
}

// attacks in the order in which they run.
var attacks = []attack{
	{name: "none", about: "nothing: what the phones experience by themselves", run: idle, quick: true},
	{name: "contacts", about: "REGISTERs of new users with ten contacts of 3 KB", run: fatContacts, quick: true},
	{name: "users", about: "REGISTERs of new users, as fast as they go", run: newUsers, quick: true},
	{name: "invites", about: "INVITEs to nobody, as fast as they go", run: invites, quick: true},
	{name: "spread", about: "INVITEs and REGISTERs from many sources", run: spread},
	{name: "forged", about: "REGISTERs, INVITEs and others, each from another address", run: forgedSources, quick: true},
	{name: "tree", about: "an INVITE that forks into itself", run: tree},
	{name: "reflect", about: "what a stranger gets for what it sends, by kind of request", run: reflect, quick: true},
	{name: "relay", about: "contacts, Routes and Request-URIs of strangers, and what their answers tell", run: relay},
	{name: "collide", about: "users whose hashes are one", run: collide},
	{name: "stray", about: "ACK and CANCEL of nothing", run: stray, quick: true},
	{name: "names", about: "contacts with names that nobody resolves", run: silentNames},
	{name: "peers", about: "idle connections and handshakes at the peer port", run: peers, quick: true},
	{name: "joining", about: "the same while a member is started again", run: peers, restarts: true},
	{name: "gossip", about: "20 MB frames at the gossip port", run: fatGossip},
	{name: "admin", about: "idle connections and requests at the admin and health ports", run: admin, quick: true},
	{name: "handshakes", about: "10,000 TLS handshakes that go no further, and senders of a byte a second", run: handshakes},
	{name: "upgrades", about: "the same of WebSockets without TLS", run: upgrades},
	{name: "reconnects", about: "2,000 phones that lose their connections, and all come back to one proxy at once; some are called", run: reconnects},
	{name: "strangers", about: "REGISTERs of anybody, who are asked who they are", run: strangers, quick: true, asks: true},
	{name: "passwords", about: "wrong passwords, from many sources", run: wrongPasswords, quick: true, asks: true},
	{name: "garbage", about: "datagrams that are no SIP, or nearly", run: garbage, quick: true},
}

func attackNamed(name string) (attack, bool) {
	for _, a := range attacks {
		if a.name == name {
			return a, true
		}
	}
	return attack{}, false
}

func names(all []attack) (out []string) {
	for _, a := range all {
		out = append(out, a.name)
	}
	return out
}

// idle attacks nobody.
func idle(ctx context.Context, _ *site) (outcome, error) {
	<-ctx.Done()
	return outcome{Note: "nothing was sent"}, nil
}

// niceness of attackers.
const niceness = 10

// newAttackCommand is what a run starts for each attack: it reads the site from
// standard input and writes the outcome to standard output.
func newAttackCommand() *cobra.Command {
	return &cobra.Command{
		Use: "attack NAME", Hidden: true, Args: cobra.ExactArgs(1), SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, ok := attackNamed(args[0])
			if !ok {
				return fmt.Errorf("no attack %q", args[0])
			}
			var s site
			if err := json.NewDecoder(cmd.InOrStdin()).Decode(&s); err != nil {
				return err
			}
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Duration(s.Seconds*float64(time.Second)))
			defer cancel()
			out, err := a.run(ctx, &s)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(out)
		},
	}
}

// attackGrace is how long an attacker may take to end.
const attackGrace = 20 * time.Second

// launch runs the attack in a process of its own, and returns what it tells.
func launch(ctx context.Context, a attack, s *site, log io.Writer) (outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s.Seconds*float64(time.Second))+attackGrace)
	defer cancel()
	in, err := json.Marshal(s)
	if err != nil {
		return outcome{}, err
	}
	cmd := exec.CommandContext(ctx, self, "attack", a.name)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	text, err := cmd.Output()
	if err != nil {
		return outcome{}, fmt.Errorf("attack %s: %w", a.name, err)
	}
	var out outcome
	return out, json.Unmarshal(text, &out)
}

// flooders is how many sockets a flood is sent from: the kernel gives each of a
// proxy's queues its share.
const flooders = 8

// flood sends packet 0, 1, 2 ..., so many a second if that can be, until the
// context ends, and returns how many those were. All come from one address and go
// to one proxy, as a Service steers what comes from one source. Answers are not
// read.
func flood(ctx context.Context, s *site, perSecond int, packet func(i int, via netip.AddrPort) []byte) (int, error) {
	return floodFrom(ctx, s, 1, perSecond, packet)
}

// floodFrom does the same from many addresses.
func floodFrom(ctx context.Context, s *site, sources, perSecond int, packet func(i int, via netip.AddrPort) []byte) (int, error) {
	conns := make([]*net.UDPConn, max(sources, flooders))
	vias := make([]netip.AddrPort, len(conns))
	for i := range conns {
		var err error
		if conns[i], vias[i], err = listen(netip.AddrPortFrom(s.host(byte(attackerHost+i%sources)), 0)); err != nil {
			return 0, err
		}
		defer conns[i].Close()
	}
	return pace(ctx, perSecond, func(i int) {
		k := i % len(conns)
		_, _ = conns[k].WriteToUDPAddrPort(packet(i, vias[k]), s.proxy(0))
	}), nil
}

// pace calls do for 0, 1, 2 ..., evenly, until the context ends, and returns how
// often. What it could not do in time it leaves out.
func pace(ctx context.Context, perSecond int, do func(i int)) int {
	n, due, last := 0, 0.0, time.Now()
	every(ctx, time.Millisecond, func() {
		now := time.Now()
		due = min(due+now.Sub(last).Seconds()*float64(perSecond), float64(perSecond)/20+1)
		for last = now; due >= 1; due-- {
			do(n)
			n++
		}
	})
	return n
}

// sent says how many datagrams of what a flood sent.
func sent(n int, s *site, what string) string {
	return fmt.Sprintf("%d %s, %.0f/s", n, what, float64(n)/s.Seconds)
}
