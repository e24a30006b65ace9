//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/flow"
)

// Users of the browser's tests: who is in it, and at the two phones on UDP that call it and that
// it calls.
const (
	browserUser  = "browser"
	browserDesk  = "browser-desk"
	browserOther = "browser-other"
)

var (
	browserUsers = [...]string{browserUser, browserDesk, browserOther}
	browserDesks = [...]netip.Addr{netip.MustParseAddr("198.51.100.245"), netip.MustParseAddr("198.51.100.246")}
)

const (
	// browserTests are hack/browser's, as run.sh has built them; browserRuns are those of them
	// that need nothing of a cluster but its address.
	browserTests = "bin/browser.test"
	browserRuns  = "^(TestBrowserIsCalled|TestBrowserCalls)$"
	browserLimit = 3 * time.Minute
)

// browses runs the tests of a phone in a browser on the client machine, against the cluster:
// it registers over WSS through the load balancer, is called by a phone on UDP, calls one, and
// each side holds, transfers and hangs up.
func (s *secure) browses(ctx context.Context) error {
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") != "" {
			return err
		}
		s.stage.step("no chromium here: hack/tools/packages.sh page/packages.txt installs it")
		return nil
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, browserLimit)
	defer cancel()
	file, err := s.writeBrowserCluster()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(filepath.Dir(file)) }()
	here := mortal(exec.CommandContext(ctx, browserTests, "-test.run", "^TestLibrary$"))
	if err := s.runBrowserTests(here, file); err != nil {
		return err
	}
	if err := s.runBrowserTests(s.party.command(ctx, browserTests, "-test.v", "-test.run", browserRuns), file); err != nil {
		return err
	}
	s.stage.step("Chromium with SIP.js registered over WSS, was called and called, held, transferred and hung up, in %v",
		time.Since(began).Round(time.Millisecond))
	return nil
}

// writeBrowserCluster says how the cluster is reached, as hack/browser reads it.
func (s *secure) writeBrowserCluster() (file string, err error) {
	passwords := fleet.Passwords{}
	for _, user := range browserUsers {
		passwords[user] = s.party.passwords[user]
	}
	if file, err = s.write("browser.json", nil); err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{
		"WebSocket": "wss://" + s.at(flow.WSS).String(), "SIP": s.at(flow.UDP), "Desks": browserDesks, "Users": browserUsers,
		"Passwords": passwords, "Library": filepath.Join(filepath.Dir(file), "library.tgz"),
	})
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(file, text, 0o600)
}

func (s *secure) runBrowserTests(cmd *exec.Cmd, file string) error {
	var said bytes.Buffer
	cmd.Env = append(os.Environ(), "SIPRING_BROWSER_CLUSTER="+file)
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	if err == nil && bytes.Contains(said.Bytes(), []byte("--- SKIP")) {
		err = errors.New("it was skipped")
	}
	if err != nil {
		return fmt.Errorf("phone in a browser: %w\n%s", err, said.Bytes())
	}
	return nil
}
