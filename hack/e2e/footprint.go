//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// footprint is what a run may leave on the machine, a line each: what bears the
// cluster's name, lies in its folders or in its network.
type footprint struct {
	name  string // of the local cluster
	state string // its folder
	work  string // the run's own for temporary files
	nets  []string
}

// vanishLimit is how long the kernel may take to let go of what was ended.
const vanishLimit = 5 * time.Second

// left are the lines of now that were not there before. It waits a moment for
// them to go.
func (f footprint) left(ctx context.Context, before map[string]bool) error {
	return eventually(ctx, vanishLimit, func(ctx context.Context) error {
		var left []string
		for line := range f.look(ctx) {
			if !before[line] {
				left = append(left, line)
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("left behind: %s", strings.Join(left, "; "))
		}
		return nil
	})
}

func (f footprint) look(ctx context.Context) map[string]bool {
	found := map[string]bool{}
	for _, pattern := range []string{
		"/run/netns/" + f.name + "-*", "/sys/class/net/" + f.name + "0",
		"/sys/fs/cgroup/sipring-kube/" + f.name, "/sys/fs/cgroup/*/sipring-kube/" + f.name,
		f.state, f.state + ".lock", f.state + ".run", f.work,
	} {
		paths, _ := filepath.Glob(pattern) // the patterns are well-formed
		for _, path := range paths {
			found[path] = true
		}
	}
	f.lines(found, "mount", read("/proc/self/mountinfo"), f.state+"/", f.work+"/", "/run/netns/"+f.name+"-")
	f.lines(found, "/etc/hosts", read("/etc/hosts"), "")
	f.lines(found, "route", said(ctx, "ip", "route", "show", "table", "all"), append(f.nets, " "+f.name+"0")...)
	f.lines(found, "nftables", said(ctx, "nft", "--stateless", "list", "ruleset"), append(f.nets, "kube", f.name+"0")...)
	f.lines(found, "iptables", said(ctx, "iptables-save"), append(f.nets, "KUBE", f.name+"0")...)
	f.processes(found)
	return found
}

// lines adds those that hold one of some.
func (f footprint) lines(found map[string]bool, source, text string, some ...string) {
	for line := range strings.Lines(text) {
		for _, s := range some {
			if strings.Contains(line, s) {
				found[source+": "+strings.TrimSpace(line)] = true
			}
		}
	}
}

// processes adds those that were started with the run's folder for temporary
// files, as all that it starts are, or that name the cluster's.
func (f footprint) processes(found map[string]bool) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if filepath.Base(dir) == fmt.Sprint(os.Getpid()) {
			continue
		}
		command := read(filepath.Join(dir, "cmdline"))
		if strings.Contains(command, f.state+"/") || strings.Contains(read(filepath.Join(dir, "environ")), "TMPDIR="+f.work) {
			found["process "+filepath.Base(dir)+": "+strings.TrimSpace(strings.ReplaceAll(command, "\x00", " "))] = true
		}
	}
}

// read is the file, or nothing: it may be gone since it was listed.
func read(path string) string {
	raw, _ := os.ReadFile(path)
	return string(raw)
}

// said is a program's output, or nothing where it is not installed.
func said(ctx context.Context, program string, args ...string) string {
	out, _ := exec.CommandContext(ctx, program, args...).Output()
	return string(out)
}
