package peer

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// childEnv makes the test binary a member of a trial, to be killed as a process.
const childEnv = "SIPRING_PEER_CHILD"

// child is what a member in a process of its own needs to know.
type child struct {
	ID      uint32
	Name    string
	Address string
	Ports   config.Ports
	Keys    *config.Keys
	Set     *config.MemberSet
}

// runChild is the member's process. It says that it has begun and ends with its
// standard input.
func runChild() {
	c := child{}
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &c); err != nil {
		panic(err)
	}
	n, err := Start(Config{Cluster: "ring", ID: c.ID, Name: c.Name, Address: c.Address, Ports: c.Ports, Keys: c.Keys, Handler: &inbox{}})
	if err != nil {
		panic(err)
	}
	n.SetMembers(c.Set)
	fmt.Println("started")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// spawn starts a member in a process of its own. The test ends it in any case.
func (c *trial) spawn(t *testing.T, id uint32) *os.Process {
	t.Helper()
	m := c.member(id)
	text, err := json.Marshal(child{ID: id, Name: m.Name, Address: m.Address, Ports: c.ports, Keys: c.keys, Set: c.set})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatalf("member %d did not start: %v", id, err)
	}
	return cmd.Process
}
