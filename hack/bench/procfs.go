package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// stat is what is needed of /proc/PID/stat (proc_pid_stat(5)).
type stat struct {
	pid, parent int
	state       byte   // R, S, D, Z ...
	started     uint64 // clock ticks after boot: with pid, the identity of a process
}

// readStat reads /proc/PID/stat.
func readStat(pid int) (stat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(string(b))
}

// parseStat parses a stat line. The command name, in parentheses, may itself
// hold spaces and parentheses, so fields are counted from the last one.
func parseStat(line string) (stat, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("parse stat %q: no command name", line)
	}
	fields := strings.Fields(line[end+1:]) // from field 3, the state
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("parse stat %q: %d fields after the command name", line, len(fields))
	}
	pid, err1 := strconv.Atoi(strings.TrimSpace(line[:open]))
	parent, err2 := strconv.Atoi(fields[1])
	started, err3 := strconv.ParseUint(fields[19], 10, 64)
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return stat{}, fmt.Errorf("parse stat %q: %w", line, err)
		}
	}
	return stat{pid: pid, parent: parent, state: fields[0][0], started: started}, nil
}

// gone tells whether the process that s was read of has ended. Its PID may
// have been given anew; a zombie only waits for its parent.
func (s stat) gone() bool {
	now, err := readStat(s.pid)
	return err != nil || now.started != s.started || now.state == 'Z' || now.state == 'X'
}

// processTree is the process and all its descendants now, the root first.
func processTree(root int) ([]stat, error) {
	first, err := readStat(root)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var all []stat
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil { // else it is gone already
			all = append(all, s)
		}
	}
	return append([]stat{first}, descendants(root, all)...), nil
}

// descendants of root among all, level by level.
func descendants(root int, all []stat) []stat {
	var found []stat
	level := []int{root}
	for len(level) > 0 {
		var next []int
		for _, s := range all {
			if s.pid != root && slices.Contains(level, s.parent) {
				found = append(found, s)
				next = append(next, s.pid)
			}
		}
		level = next
	}
	return found
}

// usage of a server: all its processes together.
type usage struct {
	cpu    time.Duration
	memory int64 // proportional set size in bytes: shared pages counted once
}

// readUsage adds up the process tree under root.
func readUsage(root int) (usage, error) {
	tree, err := processTree(root)
	if err != nil {
		return usage{}, fmt.Errorf("read processes of %d: %w", root, err)
	}
	var u usage
	for _, s := range tree {
		cpu, err := cpuTime(s.pid)
		if err != nil {
			return usage{}, fmt.Errorf("read CPU clock of process %d: %w", s.pid, err)
		}
		rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", s.pid))
		if err != nil {
			return usage{}, fmt.Errorf("read memory of process %d: %w", s.pid, err)
		}
		pss, err := parsePss(rollup)
		if err != nil {
			return usage{}, fmt.Errorf("read memory of process %d: %w", s.pid, err)
		}
		u.cpu += cpu
		u.memory += pss
	}
	return u, nil
}

// cpuTime is the user and system time of a process, all threads, exited ones
// too, in nanoseconds: clock_getcpuclockid(3) of another process. (utime and
// stime of /proc are the same account in ticks of 10 ms.)
func cpuTime(pid int) (time.Duration, error) {
	const cpuClockSched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuClockSched), &t); err != nil {
		return 0, err
	}
	return time.Duration(t.Nano()), nil
}

// parsePss takes the Pss line, in kB, out of smaps_rollup.
func parsePss(rollup []byte) (int64, error) {
	for lines := bufio.NewScanner(bytes.NewReader(rollup)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "Pss:" && fields[2] == "kB" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("parse Pss %q: %w", fields[1], err)
			}
			return kb * 1024, nil
		}
	}
	return 0, fmt.Errorf("no Pss line")
}
