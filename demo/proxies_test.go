package demo

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/demo/fleet"
)

// Another program's phones see what the demo's do: a proxy dies, comes back,
// and in the end nothing is left.
func TestProxiesForOthers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := StartProxies(ctx, "", 2, Guests{Phones: 2}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	closed := false
	defer func() {
		if !closed {
			p.Close()
		}
	}()
	if n := len(p.Names()); n != 2 || len(p.Set().Members) != 2 {
		t.Errorf("%d proxies, %d members, want 2", n, len(p.Set().Members))
	}
	if _, err := p.Kill("proxy-7"); err == nil {
		t.Error("a proxy that does not exist was killed")
	}
	if _, err := p.Kill("proxy-0"); err != nil {
		t.Fatal(err)
	}
	if err := p.Whole(ctx); err != nil {
		t.Fatal(err)
	}
	events, err := p.Events(ctx, "proxy-1")
	if err != nil || len(events) == 0 {
		t.Errorf("%d events of the survivor: %v", len(events), err)
	}
	logs := t.TempDir()
	if err := p.SaveLogs(logs); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(logs + "/proxy-1.log"); err != nil || len(text) == 0 {
		t.Errorf("%d bytes of log saved: %v", len(text), err)
	}
	p.Close()
	closed = true
	if _, err := os.Stat(p.cluster.dir); !os.IsNotExist(err) {
		t.Errorf("its folder is left: %v", err)
	}
}

// A ring is not waited for when a proxy has ended.
func TestWaitRingEndsWithABrokenProxy(t *testing.T) {
	p := &fleet.Process{Name: "proxy-9", Args: []string{"-c", "echo no; exit 1"}, Say: t.Logf}
	p, err := fleet.Start("/bin/sh", t.TempDir(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop(5 * time.Second)
	c := &cluster{processes: []*fleet.Process{p}, operator: &fleet.Operator{}}
	if err := c.waitRing(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "exit status 1: no") {
		t.Errorf("got %v", err)
	}
}
