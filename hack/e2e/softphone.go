//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// baresipConfig has no audio device: it signals, and plays to nobody.
const baresipConfig = `module_path /usr/lib/baresip/modules
sip_listen %s
ctrl_tcp_listen %s
call_local_timeout 30
module g711.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
%s`

const baresipAccount = `<sip:%[1]s@%[2]s;transport=%[3]s>;outbound="sip:%[4]s;transport=%[3]s"%[5]s;regint=%[6]d;answermode=auto;audio_codecs=PCMU` + "\n"

// bareLine is whose a baresip is, and its way to the cluster.
type bareLine struct {
	user      string
	at        netip.Addr // it listens there, and is told there what to do
	server    netip.AddrPort
	transport string
	expires   int // seconds that it registers for
	further   string
}

const (
	desk        = "desk"   // baresip's user
	caller      = "caller" // SIPp's
	softPort    = 5062
	controlPort = 4444
	startLimit  = 20 * time.Second
	// eventLimit bounds what is local to baresip, once the network did its part.
	eventLimit = 10 * time.Second
)

// baresip is a running softphone, one that we did not write: it registers when it
// starts, and again before that ends. Its methods may be called concurrently, stop last.
type baresip struct {
	*events
	cmd  *exec.Cmd
	conn net.Conn
	log  *os.File
}

// startBaresip returns when desk is registered over UDP.
func (p *party) startBaresip(ctx context.Context) (b *baresip, err error) {
	return p.startBareLine(ctx, bareLine{user: desk, at: p.softAt, server: p.reachedBy(p.softAt), transport: "udp", expires: p.registersFor()})
}

// startBareLine returns when its user is registered.
func (p *party) startBareLine(ctx context.Context, line bareLine) (b *baresip, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	dir, err := os.MkdirTemp("", "baresip-")
	if err != nil {
		return nil, err
	}
	login := ""
	if password := p.passwords[line.user]; password != "" {
		login = ";auth_user=" + line.user + ";auth_pass=" + password
	}
	control := netip.AddrPortFrom(line.at, controlPort).String()
	for name, text := range map[string]string{
		"config":   fmt.Sprintf(baresipConfig, netip.AddrPortFrom(line.at, softPort), control, line.further),
		"accounts": fmt.Sprintf(baresipAccount, line.user, domain, line.transport, line.server, login, line.expires), "contacts": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	b = &baresip{}
	if b.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	// Not under ctx: it stays when this is over.
	b.cmd = p.command(context.WithoutCancel(ctx), "baresip", "-f", dir)
	b.cmd.Stdout, b.cmd.Stderr = b.log, b.log
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	if err := b.connect(ctx, p, control, line.user); err != nil {
		b.stop()
		raw, _ := os.ReadFile(b.log.Name())
		return nil, fmt.Errorf("baresip: %w: %s", err, raw)
	}
	return b, nil
}

// connect waits for its control port, and for its registration: by its own word
// or, if that was said before there was anybody to hear it, by its answer.
func (b *baresip) connect(ctx context.Context, p *party, control, user string) error {
	if err := eventually(ctx, startLimit, func(ctx context.Context) error {
		return p.in(func() (err error) {
			b.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", control)
			return err
		})
	}); err != nil {
		return err
	}
	b.events = follow(b.conn)
	if err := eventually(ctx, startLimit, func(ctx context.Context) error {
		call, err := p.load.Phones[0].Dial(ctx, user)
		if err != nil {
			return err
		}
		// Its ACK goes by one proxy and the BYE by another, which may be there first.
		return errors.Join(b.await(ctx, eventEstablished, 1), call.Bye(ctx))
	}); err != nil {
		return err
	}
	// What it says of this call is not to be taken for what it says of the next one.
	return b.await(ctx, eventClosed, 1)
}

func (b *baresip) stop() {
	if b.conn != nil {
		_ = b.conn.Close()
	}
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { _ = b.cmd.Process.Kill() })
	_ = b.cmd.Wait()
	kill.Stop()
	_ = b.log.Close()
}

// callDesk has a phone call baresip, counting patience from from, and hang up.
// Baresip's own word says that it was in the call and that the call ended. Before it
// is, the phone does not hang up: a datagram may be lost while kube-proxy and the
// router do not agree on where a proxy is, and the ACK, which nobody answers, comes
// again only while the answer is repeated, or may be overtaken.
func (p *party) callDesk(ctx context.Context, from time.Time, patience time.Duration) error {
	established, closed := p.soft.count(eventEstablished), p.soft.count(eventClosed)
	dial, cancel := context.WithDeadline(ctx, from.Add(patience))
	defer cancel()
	call, err := p.load.Phones[0].Dial(dial, desk)
	if err != nil {
		return err
	}
	up := p.soft.await(ctx, eventEstablished, established+1)
	ctx, cancelBye := context.WithTimeout(ctx, phones.AnswerLimit)
	defer cancelBye()
	if err := call.Bye(ctx); err != nil {
		return errors.Join(up, err)
	}
	return errors.Join(up, p.soft.await(ctx, eventClosed, closed+1))
}

// deskCalls has baresip call a phone and hang up.
func (p *party) deskCalls(ctx context.Context, callee *phones.Phone) error {
	answered, hungup := callee.Answered.Load(), callee.Hungup.Load()
	established, closed := p.soft.count(eventEstablished), p.soft.count(eventClosed)
	if err := p.soft.do("dial", "sip:"+callee.User()+"@"+domain); err != nil {
		return err
	}
	if err := p.soft.await(ctx, eventEstablished, established+1); err != nil {
		return err
	}
	if err := p.soft.do("hangup", ""); err != nil {
		return err
	}
	if err := p.soft.await(ctx, eventClosed, closed+1); err != nil {
		return err
	}
	return eventually(ctx, eventLimit, func(context.Context) error {
		if callee.Answered.Load() == answered || callee.Hungup.Load() == hungup {
			return errors.New("the phone's call is not answered and hung up")
		}
		return nil
	})
}
