//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sipring/sipring/hack/phones"
)

// softphoneCase is the name of the case of a phone that we did not write.
const softphoneCase = "softphone"

// baresipConfig has no audio device: it signals, and plays to nobody.
const baresipConfig = `module_path /usr/lib/baresip/modules
sip_listen %s:5062
ctrl_tcp_listen %s
call_local_timeout 30
module g711.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
`

const baresipAccount = `<sip:desk@%s;transport=udp>;outbound="sip:%s;transport=udp";regint=3600;answermode=auto;audio_codecs=PCMU` + "\n"

// softphone registers baresip through the cluster's address, has it call a
// phone, and has a phone call it.
func (e *env) softphone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	b, err := e.startBaresip(ctx)
	if err != nil {
		return err
	}
	defer b.stop()
	// baresip registers by itself when it starts: it can be called once it has.
	var call *phones.Call
	if err := e.eventually(ctx, 20*time.Second, func(ctx context.Context) (err error) {
		call, err = e.load.Phones[1].Dial(ctx, "desk")
		return err
	}); err != nil {
		return fmt.Errorf("baresip cannot be called: %w", err)
	}
	if err := b.await("CALL_ESTABLISHED"); err != nil {
		return err
	}
	if err := call.Bye(ctx); err != nil {
		return err
	}
	if err := b.await("CALL_CLOSED"); err != nil {
		return err
	}
	e.step("baresip registered through %s and was called by a phone", e.proxy)
	callee := e.load.Phones[0]
	answered, hungup := callee.Answered.Load(), callee.Hungup.Load()
	if err := b.do("dial", "sip:"+callee.User()+"@"+domain); err != nil {
		return err
	}
	if err := b.await("CALL_ESTABLISHED"); err != nil {
		return err
	}
	if err := b.do("hangup", ""); err != nil {
		return err
	}
	if err := e.eventually(ctx, 10*time.Second, func(context.Context) error {
		if callee.Answered.Load() != answered+1 || callee.Hungup.Load() != hungup+1 {
			return errors.New("the phone's call is not answered and hung up")
		}
		return nil
	}); err != nil {
		return err
	}
	e.step("baresip called a phone and hung up")
	return nil
}

// baresip is a running softphone, steered by JSON in netstrings over TCP.
type baresip struct {
	conn net.Conn
	in   *bufio.Reader
	end  func()
}

func (e *env) startBaresip(ctx context.Context) (*baresip, error) {
	dir, err := os.MkdirTemp("", "sipring-e2e-baresip-")
	if err != nil {
		return nil, err
	}
	host := softAddress
	if !e.cluster.Local() {
		host = e.local
	}
	control := netip.AddrPortFrom(host, 4444).String()
	for name, text := range map[string]string{
		"config":   fmt.Sprintf(baresipConfig, host, control),
		"accounts": fmt.Sprintf(baresipAccount, domain, e.proxy), "contacts": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	cmd, err := e.clientCommand(ctx, "baresip", "-f", dir)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &baresip{end: func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		_ = log.Close()
	}}
	err = e.eventually(ctx, 20*time.Second, func(ctx context.Context) error {
		return e.inClient(func() (err error) {
			b.conn, err = (&net.Dialer{}).DialContext(ctx, "tcp4", control)
			return err
		})
	})
	if err != nil {
		b.end()
		raw, _ := os.ReadFile(filepath.Join(dir, "log"))
		return nil, fmt.Errorf("baresip: %w: %s", err, raw)
	}
	b.in = bufio.NewReader(b.conn)
	return b, nil
}

func (b *baresip) stop() {
	_ = b.conn.Close()
	b.end()
}

// do gives a command; its answer comes among the events.
func (b *baresip) do(command, params string) error {
	raw, err := json.Marshal(map[string]string{"command": command, "params": params, "token": command})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(b.conn, "%d:%s,", len(raw), raw)
	return err
}

// await reads until the event comes, for half a minute at most.
func (b *baresip) await(event string) error {
	if err := b.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	var seen []string
	for {
		raw, err := b.netstring()
		if err != nil {
			return fmt.Errorf("baresip did not tell %s: %w; it told %v", event, err, seen)
		}
		var m struct {
			Type string `json:"type"`
			Data string `json:"data"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("baresip told %q: %w", raw, err)
		}
		if m.Type == event {
			return nil
		}
		seen = append(seen, m.Type+" "+m.Data)
	}
}

// maxNetstring bounds one message of baresip.
const maxNetstring = 64 << 10

func (b *baresip) netstring() ([]byte, error) {
	head, err := b.in.ReadString(':')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(head, ":"))
	if err != nil || n < 0 || n > maxNetstring {
		return nil, fmt.Errorf("netstring of length %q", head)
	}
	raw := make([]byte, n+1) // and the comma
	if _, err := io.ReadFull(b.in, raw); err != nil {
		return nil, err
	}
	return raw[:n], nil
}
