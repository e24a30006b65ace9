package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what the figures depend on.
type machine struct {
	CPU         string `json:"cpu"`
	Cores       int    `json:"cores"`
	MemoryBytes uint64 `json:"memory_bytes"`
	Kernel      string `json:"kernel"`
	System      string `json:"system"`
	Pinning     string `json:"pinning"`
	// LoadAverage of the last minute when the run began: what else ran.
	LoadAverage string `json:"load_average"`
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %d GiB, Linux %s, %s; %s; load average before: %s.",
		m.CPU, m.Cores, (m.MemoryBytes+1<<29)>>30, m.Kernel, m.System, m.Pinning, m.LoadAverage)
}

// readMachine describes this machine; what it cannot learn is "unknown".
func readMachine(c cpus) machine {
	m := machine{CPU: "unknown", Cores: runtime.NumCPU(), Kernel: "unknown", System: "unknown", Pinning: c.String(), LoadAverage: "unknown"}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = lineValue(string(b), "model name", ":", m.CPU)
	}
	if b, err := os.ReadFile("/etc/os-release"); err == nil {
		m.System = strings.Trim(lineValue(string(b), "PRETTY_NAME", "=", m.System), `"`)
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.LoadAverage, _, _ = strings.Cut(string(b), " ")
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		m.Kernel = unix.ByteSliceToString(uts.Release[:])
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.MemoryBytes = info.Totalram * uint64(info.Unit)
	}
	return m
}

// lineValue is the value of the first "name SEPARATOR value" line, or missing.
func lineValue(text, name, separator, missing string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return missing
}

// cpus is who runs where, as taskset's CPU lists.
type cpus struct {
	server, load string
	shared       bool // there is but one
}

func (c cpus) String() string {
	if c.shared {
		return "server and load share CPU " + c.server
	}
	return "server on CPU " + c.server + ", load on CPU " + c.load
}

// readCPUs divides the CPUs that this process may use: the last one for the
// server, the others for the load.
func readCPUs() (cpus, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return cpus{}, fmt.Errorf("read CPU affinity: %w", err)
	}
	var allowed []int
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			allowed = append(allowed, i)
		}
	}
	return divideCPUs(allowed), nil
}

func divideCPUs(allowed []int) cpus {
	last := len(allowed) - 1
	server := fmt.Sprint(allowed[last])
	if last == 0 {
		return cpus{server: server, load: server, shared: true}
	}
	load := strings.Trim(strings.ReplaceAll(fmt.Sprint(allowed[:last]), " ", ","), "[]")
	return cpus{server: server, load: load}
}
