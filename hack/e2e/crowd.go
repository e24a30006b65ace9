//go:build linux

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

//go:embed manifests/regular.xml
var regularScenario string

const (
	// regularUsers take turns.
	regularUsers = 4
	// crowdRate is how many registrations and calls are begun in a second.
	crowdRate = 4
	crowdPort = 5066
	// finishLimit is as long as a request may take (RFC 3261 17.1.1.2), and a little.
	finishLimit = 40 * time.Second
)

func regularUser(i int) string { return fmt.Sprintf("regular%d", i) }

// crowd is a running SIPp that registers and calls phones, as different users from one port.
type crowd struct {
	cmd   *exec.Cmd
	dir   string
	ended chan struct{} // closed when SIPp has ended
	err   error         // of that
}

func (p *party) startCrowd(ctx context.Context) (*crowd, error) {
	dir, err := os.MkdirTemp("", "sipp-")
	if err != nil {
		return nil, err
	}
	users := "SEQUENTIAL\n"
	for i, callee := range p.load.Phones {
		user := regularUser(i % regularUsers)
		users += callee.User() + ";" + user + ";[authentication username=" + user + " password=" + p.passwords[user] + "]\n"
	}
	for name, content := range map[string]string{"regular.xml": regularScenario, "users.csv": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	c := &crowd{dir: dir, ended: make(chan struct{})}
	// Not under ctx: it ends when it is told to.
	c.cmd = p.command(context.WithoutCancel(ctx), "sipp", p.proxy.String(), "-sf", "regular.xml", "-inf", "users.csv",
		"-i", p.softAt.String(), "-mi", p.softAt.String(), "-t", "u1", "-p", strconv.Itoa(crowdPort), "-r", strconv.Itoa(crowdRate),
		"-default_behaviors", "all,-abortunexp", "-nostdin", "-auth_uri", domain, "-trace_err", "-error_file", "errors.log")
	c.cmd.Dir = dir
	screen, err := os.Create(filepath.Join(dir, "screen.log"))
	if err != nil {
		return nil, err
	}
	defer screen.Close()
	c.cmd.Stdout, c.cmd.Stderr = screen, screen
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("sipp: %w", err)
	}
	go func() {
		defer close(c.ended)
		c.err = c.cmd.Wait()
	}()
	return c, nil
}

// finish has it begin nothing more, and returns when what it had begun has ended. What came of
// it the wire tells: its word is for want of that.
func (c *crowd) finish() error {
	if err := c.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return errors.Join(fmt.Errorf("sipp: %w", err), errors.New(c.said()))
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(finishLimit):
		return fmt.Errorf("sipp does not end: %s", c.said())
	}
}

// said is the first that it complained of.
func (c *crowd) said() string {
	raw, _ := os.ReadFile(filepath.Join(c.dir, "errors.log"))
	return string(raw[:min(len(raw), 2000)])
}

func (c *crowd) kill() {
	_ = c.cmd.Process.Kill()
	<-c.ended
}
