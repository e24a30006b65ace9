//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// linphoneConfig has no audio device, and takes calls by itself. It does not take the network
// for down where there is no default route.
const linphoneConfig = `[sip]
sip_port=%[1]d
%[7]ssip_tcp_port=-1
sip_tls_port=-1
guess_hostname=0
auto_net_state_mon=0
default_proxy=0
register_only_when_network_is_up=0

[proxy_0]
reg_proxy=<sip:%[2]s;transport=%[6]s>
reg_route=<sip:%[2]s;transport=%[6]s;lr>
reg_identity=<sip:` + guest + `@%[3]s>
reg_expires=%[5]d
reg_sendregister=1
publish=0

[auth_info_0]
username=` + guest + `
passwd=%[4]s
realm=%[3]s
domain=%[3]s

[sound]
playback_dev_id=null
ringer_dev_id=null
capture_dev_id=null

[net]
firewall_policy=0
`

const (
	guest        = "guest" // linphone's user
	linphonePort = 5064
)

// linphone is a running linphone-cli. Its methods may not be called concurrently.
type linphone struct {
	cmd         *exec.Cmd
	stdin       io.WriteCloser
	log, screen string
}

// guestLine is linphone's way to the cluster.
type guestLine struct {
	port              int    // that it listens at; -1 for none
	server, transport string // host:port
	further           string // lines of its section of SIP
	hosts             string // a file in place of /etc/hosts, if any
}

// startLinphone returns when it is registered over UDP: when a phone has called it.
func (p *party) startLinphone(ctx context.Context, at netip.AddrPort, password string) (l *linphone, err error) {
	if l, err = p.runLinphone(ctx, guestLine{port: linphonePort, server: at.String(), transport: "udp"}, password); err != nil {
		return nil, err
	}
	return l, p.awaitLinphone(ctx, l)
}

// awaitLinphone returns when a phone has called it; else it ends it.
func (p *party) awaitLinphone(ctx context.Context, l *linphone) error {
	if err := eventually(ctx, startLimit, func(ctx context.Context) error { return p.callGuest(ctx, startLimit) }); err != nil {
		l.stop()
		said, _ := os.ReadFile(l.screen)
		return fmt.Errorf("linphone: %w: %s", err, said)
	}
	return nil
}

func (p *party) runLinphone(ctx context.Context, line guestLine, password string) (l *linphone, err error) {
	dir, err := os.MkdirTemp("", "linphone-")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, ".local", "share", "linphone"), 0o700); err != nil {
		return nil, err
	}
	rc := filepath.Join(dir, "linphonerc")
	if err := os.WriteFile(rc, fmt.Appendf(nil, linphoneConfig, line.port, line.server, domain, password, p.registersFor(), line.transport, line.further), 0o600); err != nil {
		return nil, err
	}
	l = &linphone{log: filepath.Join(dir, "log"), screen: filepath.Join(dir, "screen")}
	screen, err := os.Create(l.screen)
	if err != nil {
		return nil, err
	}
	defer screen.Close()
	// Not under ctx: it stays when this is over.
	args := []string{"linphonec", "-c", rc, "-a", "-C", "-S", "-d", "6", "-l", l.log}
	if line.hosts != "" { // in a mount namespace of its own
		args = append([]string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, line.hosts}, args...)
	}
	l.cmd = p.command(context.WithoutCancel(ctx), args[0], args[1:]...)
	l.cmd.Env = append(os.Environ(), "HOME="+dir)
	l.cmd.Stdout, l.cmd.Stderr = screen, screen
	if l.stdin, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("linphonec: %w", err)
	}
	return l, nil
}

func (l *linphone) stop() {
	_, _ = io.WriteString(l.stdin, "quit\n")
	_ = l.stdin.Close()
	kill := time.AfterFunc(5*time.Second, func() { _ = l.cmd.Process.Kill() })
	_ = l.cmd.Wait()
	kill.Stop()
}

// callGuest has a phone call linphone and hang up.
func (p *party) callGuest(ctx context.Context, patience time.Duration) error {
	dial, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	call, err := p.load.Phones[0].Dial(dial, guest)
	if err != nil {
		return err
	}
	bye, cancelBye := context.WithTimeout(ctx, phones.AnswerLimit)
	defer cancelBye()
	return call.Bye(bye)
}

// calls has linphone call a phone that nobody else calls, and hang up when it knows that
// it was answered: acked counts these calls.
func (l *linphone) calls(ctx context.Context, callee *phones.Phone, acked func() int) error {
	before, hungup := acked(), callee.Hungup.Load()
	for _, c := range []struct {
		command string
		done    func() bool
	}{
		{"call " + callee.AOR(), func() bool { return acked() > before }},
		{"terminate", func() bool { return callee.Hungup.Load() > hungup }},
	} {
		if _, err := io.WriteString(l.stdin, c.command+"\n"); err != nil {
			return err
		}
		if err := eventually(ctx, eventLimit, func(context.Context) error {
			if !c.done() {
				return errors.New("linphone's " + c.command + " does not reach the phone")
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
