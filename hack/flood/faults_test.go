package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// halt stops the first proxy of its run for longer than a phone waits: an attack that
// has success.
func init() {
	attacks = append(attacks, attack{name: "halt", about: "a proxy stands still", run: func(ctx context.Context, _ *site) (outcome, error) {
		pid, err := siblingNamed("proxy-0")
		if err != nil {
			return outcome{}, err
		}
		err = syscall.Kill(pid, syscall.SIGSTOP)
		wait(ctx, patience+2*registerEvery)
		return outcome{Note: "it stood still"}, errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
	}})
}

// siblingNamed is the process with that argument among those that this one's parent
// has started.
func siblingNamed(name string) (int, error) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range all {
		stat, err := os.ReadFile(filepath.Join(dir, "stat"))
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		_, after, _ := bytes.Cut(stat, []byte(") "))
		fields := bytes.Fields(after)
		if err != nil || len(fields) < 2 || string(fields[1]) != strconv.Itoa(os.Getppid()) || !bytes.Contains(line, []byte("\x00"+name+"\x00")) {
			continue
		}
		return strconv.Atoi(filepath.Base(dir))
	}
	return 0, fmt.Errorf("no process %q", name)
}

// A phone that is not answered fails the run, and a proxy that does not answer its
// probes.
func TestProxyThatStandsStillIsAnError(t *testing.T) {
	out, _, err := floodSelf(t, "--only", "halt", "--time", fmt.Sprint(patience+3*registerEvery), "--p99", "1m", "--memory", "1024")
	if !errors.Is(err, errNotWithstood) {
		t.Errorf("ends with %v, want %v:\n%s", err, errNotWithstood, out)
	}
	expect(t, out, `(?m)^halt +\d+ +\d\d?\.\d .* FAILED$`, `FAILED: [1-9]\d* good requests failed`, `FAILED: [1-9]\d* liveness probes of proxy-0 failed`, `FAILED: (REGISTER|INVITE) of phone\d: `)
}

// fool is a stub of three proxies that does to everybody what an attack is after, or
// is a good one if it is not foolish.
type fool struct {
	*site
	foolish bool

	mu       sync.Mutex
	contacts map[string]string // by user
}

// newFool has the network 127.78.N.0 for itself.
func newFool(t *testing.T, n byte, foolish bool) *fool {
	t.Helper()
	f := &fool{foolish: foolish, contacts: map[string]string{}, site: &site{Seconds: 1}}
	var conns []*net.UDPConn
	var running sync.WaitGroup
	for i := range proxies {
		conn, at, err := listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 78, n, byte(11 + i)}), f.SIP))
		if err != nil {
			t.Fatal(err)
		}
		f.Proxies, f.SIP = append(f.Proxies, at.Addr()), at.Port()
		conns = append(conns, conn)
		running.Go(func() {
			receive(conn, func(b []byte, from netip.AddrPort) {
				for _, d := range f.take(parse(b), from) {
					_, _ = conn.WriteToUDPAddrPort(d.data, d.to)
				}
			})
		})
	}
	t.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close()
		}
		running.Wait()
	})
	return f
}

type datagram struct {
	to   netip.AddrPort
	data []byte
}

var hostPort = regexp.MustCompile(`127\.\d+\.\d+\.\d+:\d+`)

// take is what is sent for one message.
func (f *fool) take(m *message, from netip.AddrPort) (out []datagram) {
	if m.code() > 0 || len(m.get("cseq")) == 0 || m.method() == "ACK" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := func(code int, more ...string) {
		out = append(out, datagram{from, answerTo(m, code, "So", "f", more...)})
	}
	user, _, _ := strings.Cut(strings.TrimPrefix(between(m.get("to")), "sip:"), "@")
	switch {
	case m.method() == "REGISTER" && f.foolish:
		f.contacts[user] = strings.Join(m.all("contact"), " ")
		answer(200, "X: "+strings.Repeat("x", 3000))
	case m.method() == "REGISTER":
		answer(200)
	case !f.foolish:
		answer(480)
	default:
		times := 1
		if strings.HasSuffix(user, "root") {
			times = 3 * treeMost
			f.contacts[user] = f.contacts[byMember+fmt.Sprintf("level%d-0", treeLevels-1)]
		}
		for _, at := range hostPort.FindAllString(m.start+f.contacts[user]+m.get("route"), -1) {
			for range times {
				out = append(out, datagram{netip.MustParseAddrPort(at), []byte("x")})
			}
		}
		answer(480 + len(f.contacts[user])%100)
	}
	return out
}

// What each attack is after is found where it is, and not where it is not.
func TestAttacksTellWhatTheyGot(t *testing.T) {
	network := byte(0)
	for name, want := range map[string]string{
		"reflect": `REGISTER, fetch of \d+ bytes made 1 datagrams of 3\d\d\d bytes`,
		"relay":   `datagrams of \d+ bytes were sent to a stranger`,
		"tree":    `an INVITE made \d+ datagrams to the victim`,
	} {
		for _, foolish := range []bool{true, false} {
			network++
			n := network
			t.Run(fmt.Sprintf("%s, foolish %v", name, foolish), func(t *testing.T) {
				t.Parallel()
				f := newFool(t, n, foolish)
				a, _ := attackNamed(name)
				ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
				defer cancel()
				out, err := a.run(ctx, f.site)
				got := strings.Join(out.Faults, "\n")
				if err != nil || foolish != regexp.MustCompile(want).MatchString(got) || !foolish && got != "" {
					t.Errorf("%v, %q", err, got)
				}
				if name == "relay" && foolish != strings.Contains(got, "the answer to an INVITE tells what is there") {
					t.Errorf("the answers: %q", got)
				}
			})
		}
	}
}
