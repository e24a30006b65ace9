package command

import (
	"io/fs"
	"math"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// heapShare is how much of the memory of its cgroup the Go heap may take:
	// the rest is for the program itself, and for what the collector has not
	// come to yet.
	heapShare = 0.9
	// bindingsShare is how much of the heap bindings may take until new
	// addresses-of-record are refused. They may grow by a quarter after, and by
	// half when one of three members is gone; calls need room as well.
	bindingsShare = 0.25
)

// limitMemory has the collector keep to $GOMEMLIMIT, or else to what the cgroup
// allows, and returns how many bytes of that bindings may take: 0 where nothing
// limits the memory. root is that of the file system.
func limitMemory(root fs.FS) (budget int) {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		allowed, ok := cgroupMemory(root)
		if !ok {
			return 0
		}
		limit = int64(heapShare * float64(allowed))
		debug.SetMemoryLimit(limit)
	}
	return int(bindingsShare * float64(limit))
}

// cgroupMemory returns the least memory that this process' cgroup and those above
// it allow, of either version of cgroups, and false if none bounds it.
func cgroupMemory(root fs.FS) (least int64, ok bool) {
	b, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		dir, file := "sys/fs/cgroup", "memory.max"
		switch {
		case fields[1] == "memory":
			dir, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case fields[0] != "0":
			continue
		}
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			if n, bounded := readBytes(root, path.Join(dir, group, file)); bounded && (!ok || n < least) {
				least, ok = n, true
			}
			if group == "/" {
				break
			}
		}
	}
	return least, ok
}

// unbounded is what version 1 says where nothing bounds the memory, and more than
// there is anywhere.
const unbounded = 1 << 60

func readBytes(root fs.FS, name string) (n int64, bounded bool) {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64) // "max" is no number
	return n, err == nil && n > 0 && n < unbounded
}
