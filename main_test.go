package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// asMain makes the test binary the program itself.
const asMain = "SIPRING_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestFailedStartExitsInOrder: a port in use is one line that names it and exit
// code 1, and no stack of goroutines.
func TestFailedStartExitsInOrder(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	_, port, _ := net.SplitHostPort(held.Addr().String())
	dir := t.TempDir()
	for name, content := range map[string]string{
		"config.yaml":  "{cluster: test, domains: [example.com], ports: {peer: " + port + ", sip: 25060, health: 25061, admin: 25062}}",
		"members.json": `{"epoch": 1, "members": [{"id": 1, "name": "one", "address": "127.0.0.1", "state": "active"}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(os.Args[0], "proxy", "--name", "one", "--config", filepath.Join(dir, "config.yaml"), "--members", filepath.Join(dir, "members.json"))
	cmd.Env = append(os.Environ(), asMain+"=1")
	output, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("it ended with %v, want exit code 1", err)
	}
	last := string(output[strings.LastIndex(strings.TrimSpace(string(output)), "\n")+1:])
	if !strings.HasPrefix(last, "sipring: ") || !strings.Contains(last, "ports.peer") || !strings.Contains(last, port) || strings.Contains(string(output), "panic") {
		t.Errorf("its last line does not name the port %s:\n%s", port, output)
	}
}
