//go:build linux

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

//go:embed manifests/uac.xml
var scenario string

const (
	callRate = 100 // calls begun in a second
	upLimit  = 20 * time.Second
	// byeLimit is longer than the scenario waits for the answer to its BYE.
	byeLimit = 25 * time.Second
)

// held is SIPp's calls, while they are up. Its methods may be called
// concurrently, close last.
type held struct {
	cmd   *exec.Cmd
	dir   string
	calls int
	twin  *twin
	ended chan struct{} // closed when SIPp has ended
}

// hold begins n calls, to the first n phones, each from a socket of its own so
// that load balancing spreads them, and returns when all are up.
func (p *party) hold(ctx context.Context, n int) (*held, error) {
	dir, err := os.MkdirTemp("", "sipp-")
	if err != nil {
		return nil, err
	}
	h := &held{dir: dir, calls: n, ended: make(chan struct{})}
	// SIPp reads its keywords in what it takes from here, too.
	proof := "[authentication username=" + caller + " password=" + p.passwords[caller] + "]"
	users := "SEQUENTIAL\n"
	for _, callee := range p.load.Phones[:n] {
		users += callee.User() + ";" + caller + ";" + proof + "\n"
	}
	for name, content := range map[string]string{"uac.xml": scenario, "users.csv": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	var listening net.Listener
	if err := p.in(func() (err error) {
		listening, err = net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // ends at once
		return err
	}); err != nil {
		return nil, err
	}
	defer listening.Close()
	if err := h.start(ctx, p, listening.Addr().String()); err != nil {
		return nil, err
	}
	if err := h.up(ctx, listening); err != nil {
		h.close()
		return nil, fmt.Errorf("%w (see %s)", err, dir)
	}
	return h, nil
}

func (h *held) start(ctx context.Context, p *party, control string) error {
	n := strconv.Itoa(h.calls)
	h.cmd = p.command(ctx, "sipp", p.proxy.String(), "-sf", "uac.xml", "-inf", "users.csv",
		"-i", p.callers.String(), "-mi", p.callers.String(), "-t", "un", "-max_socket", "4000", "-buff_size", "2097152",
		"-r", strconv.Itoa(callRate), "-m", n, "-l", n, "-3pcc", control,
		"-default_behaviors", "all,-abortunexp", "-nostdin", "-auth_uri", domain, "-trace_err", "-error_file", "errors.log")
	h.cmd.Dir = h.dir
	screen, err := os.Create(filepath.Join(h.dir, "screen.log"))
	if err != nil {
		return err
	}
	h.cmd.Stdout, h.cmd.Stderr = screen, screen
	err = h.cmd.Start()
	_ = screen.Close()
	if err != nil {
		return fmt.Errorf("sipp: %w", err)
	}
	go func() {
		defer close(h.ended)
		_ = h.cmd.Wait() // its calls tell how it went
	}()
	return nil
}

// up waits until SIPp has had the answer to every call.
func (h *held) up(ctx context.Context, listening net.Listener) error {
	ctx, cancel := context.WithTimeout(ctx, upLimit)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = listening.Close() })()
	conn, err := listening.Accept()
	if err != nil {
		return errors.Join(fmt.Errorf("sipp does not connect: %w", err), ctx.Err())
	}
	h.twin = newTwin(conn)
	return h.await(ctx, func() error {
		if n := len(h.twin.calls()); n < h.calls {
			return fmt.Errorf("%d of %d calls are up", n, h.calls)
		}
		return nil
	})
}

// await tries at every word of SIPp until done returns nil.
func (h *held) await(ctx context.Context, done func() error) error {
	for {
		news := h.twin.news()
		err := done()
		if err == nil {
			return nil
		}
		select {
		case <-news:
		case <-h.twin.closed:
			if done() == nil {
				return nil
			}
			return fmt.Errorf("%w, and sipp ended", err)
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// hangUp has SIPp send the BYEs of calls, and counts those that are answered.
func (h *held) hangUp(ctx context.Context, calls []string) (out phones.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, byeLimit)
	defer cancel()
	told := make([]error, len(calls))
	for i, id := range calls {
		told[i] = h.twin.hangUp(id)
	}
	for i, id := range calls {
		if told[i] != nil {
			out.Count(told[i])
			continue
		}
		out.Count(h.await(ctx, func() error {
			if !h.twin.over(id) {
				return fmt.Errorf("the BYE of call %s is not answered", id)
			}
			return nil
		}))
	}
	return out
}

// problems are the first errors that SIPp noted.
func (h *held) problems() []string {
	raw, _ := os.ReadFile(filepath.Join(h.dir, "errors.log"))
	var out []string
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line != "" && len(out) < phones.KeepErrors {
			out = append(out, line)
		}
	}
	return out
}

// close ends SIPp, whatever it is at.
func (h *held) close() {
	_ = h.cmd.Process.Kill()
	<-h.ended
	if h.twin != nil {
		h.twin.close()
	}
}
