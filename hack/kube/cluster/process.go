//go:build linux

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/nodeinit/spec"
)

// process is a process that this package started. Its id alone may since have
// been given to another; with its start time it cannot.
type process struct {
	Machine string `json:"machine"`
	PID     int    `json:"pid"`
	// Start is when it started, in clock ticks since boot.
	Start uint64 `json:"start"`
}

func (p process) alive() bool {
	s, err := readStat(p.PID)
	return err == nil && s.start == p.Start && s.runs()
}

// kill ends the process and waits until the kernel has ended everything in
// its process namespace.
func (p process) kill(ctx context.Context) error {
	if !p.alive() {
		return nil
	}
	if err := unix.Kill(p.PID, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill %s, process %d: %w", p.Machine, p.PID, err)
	}
	for p.alive() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s, process %d, does not end: %w", p.Machine, p.PID, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	// Ours if this very program started it, somebody else's otherwise.
	_, _ = unix.Wait4(p.PID, nil, unix.WNOHANG, nil)
	return nil
}

// stat is what /proc/PID/stat tells of a process.
type stat struct {
	state   byte
	threads int
	start   uint64
}

// runs is false for a zombie: it runs no code and only waits for its parent.
// One that has threads is none yet: its first thread ended before the others,
// the last of which ends everything in its process namespace.
func (s stat) runs() bool {
	return s.state != 'Z' && s.state != 'X' || s.threads > 1
}

func readStat(pid int) (stat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(raw))
}

func parseStat(raw string) (s stat, err error) {
	// The second field is the name in parentheses and may hold anything.
	fields := strings.Fields(raw[strings.LastIndexByte(raw, ')')+1:])
	if len(fields) < 20 {
		return s, fmt.Errorf("parse /proc/PID/stat %q", raw)
	}
	s.state = fields[0][0]
	if s.threads, err = strconv.Atoi(fields[17]); err == nil {
		s.start, err = strconv.ParseUint(fields[19], 10, 64)
	}
	return s, err
}

// machine is one first process to be started.
type machine struct {
	name string
	ns   string
	// dir holds all that the machine writes.
	dir  string
	spec spec.Machine
}

// start starts the machine m and records it in s.
func (s *state) start(m machine) error {
	specPath := filepath.Join(m.dir, "machine.json")
	raw, err := json.MarshalIndent(m.spec, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(specPath, raw, 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(m.dir, "machine.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	ready, release, err := os.Pipe()
	if err != nil {
		return err
	}
	defer release.Close()
	defer ready.Close()
	// Not under any caller's context: the machine outlives this program.
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.Options.AssetsDir, "nodeinit"), specPath)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{ready} // becomes spec.GoFD
	cmd.Dir = m.dir
	cmd.Env = []string{
		"PATH=" + s.Options.AssetsDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + m.dir,
		"TMPDIR=" + filepath.Join(m.dir, "tmp"),
	}
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Setsid:     true, // it outlives the terminal
	}
	if err := inNetns(m.ns, cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", m.name, err)
	}
	started, err := readStat(cmd.Process.Pid)
	if err != nil {
		return fmt.Errorf("start %s: %w", m.name, err)
	}
	s.Machines = append(s.Machines, process{Machine: m.name, PID: cmd.Process.Pid, Start: started.start})
	if err := s.save(); err != nil {
		return err
	}
	if err := s.Options.enterCgroups(m, cmd.Process.Pid); err != nil {
		return err
	}
	if _, err := release.Write([]byte{1}); err != nil {
		return fmt.Errorf("start %s: %w", m.name, err)
	}
	return cmd.Process.Release()
}

// makeDirs makes the machine's directories, empty.
func (m machine) makeDirs(names ...string) error {
	for _, name := range append(names, "tmp", "log", "var-lib", "var-log") {
		if err := os.MkdirAll(filepath.Join(m.dir, name), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// newMachine gives every machine its own view of the places that programs
// write to without asking.
func newMachine(o Options, name, ns string) machine {
	dir := filepath.Join(o.StateDir, name)
	return machine{name: name, ns: ns, dir: dir, spec: spec.Machine{
		Hostname: name,
		Binds: []spec.Bind{
			{Source: filepath.Join(dir, "var-lib"), Target: "/var/lib"},
			{Source: filepath.Join(dir, "var-log"), Target: "/var/log"},
		},
		Tmpfs: []string{"/run"},
	}}
}

// program adds a program that is started once all of after answers, in any
// form that spec.Program.After takes.
func (m *machine) program(name string, after []string, args ...string) {
	m.spec.Programs = append(m.spec.Programs, spec.Program{
		Name:  name,
		Args:  append([]string{name}, args...),
		Log:   filepath.Join(m.dir, "log", name+".log"),
		After: after,
	})
}
