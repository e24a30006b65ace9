package command

import (
	"math"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

func TestCgroupMemory(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"none":                      {nil, 0},
		"version 2, in a container": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 512 << 20},
		"version 2, without bound":  {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0},
		"version 2, the least of those above": {map[string]string{
			"proc/self/cgroup": "0::/pods/a\n", "sys/fs/cgroup/pods/a/memory.max": "max\n", "sys/fs/cgroup/pods/memory.max": "1000000\n",
			"sys/fs/cgroup/memory.max": "2000000\n",
		}, 1_000_000},
		"version 1": {map[string]string{
			"proc/self/cgroup": "4:cpu,cpuacct:/x\n3:memory:/x\n0::/\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "7000000\n",
		}, 7_000_000},
		"version 1, without bound": {map[string]string{
			"proc/self/cgroup": "3:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 0},
		"of no sense":   {map[string]string{"proc/self/cgroup": "x\n0::/../..\n", "sys/fs/cgroup/memory.max": "-5\n"}, 0},
		"above the top": {map[string]string{"proc/self/cgroup": "0::/../..\n", "sys/fs/cgroup/memory.max": "5000\n"}, 5000},
	} {
		t.Run(name, func(t *testing.T) {
			root := fstest.MapFS{}
			for file, text := range tt.files {
				root[file] = &fstest.MapFile{Data: []byte(text)}
			}
			got, ok := cgroupMemory(root)
			if got != tt.want || ok != (tt.want > 0) {
				t.Errorf("%d, %v, want %d", got, ok, tt.want)
			}
		})
	}
}

// The collector keeps to what the cgroup allows, and to $GOMEMLIMIT before that.
func TestLimitMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	bounded := fstest.MapFS{
		"proc/self/cgroup": {Data: []byte("0::/\n")}, "sys/fs/cgroup/memory.max": {Data: []byte("1000000000\n")},
	}
	if got := limitMemory(fstest.MapFS{}); got != 0 || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		t.Errorf("without a bound: %d bytes, limit %d", got, debug.SetMemoryLimit(-1))
	}
	if got := limitMemory(bounded); got != 225_000_000 || debug.SetMemoryLimit(-1) != 900_000_000 {
		t.Errorf("of 1 GB: %d bytes, limit %d", got, debug.SetMemoryLimit(-1))
	}
	debug.SetMemoryLimit(400_000_000)
	if got := limitMemory(bounded); got != 100_000_000 || debug.SetMemoryLimit(-1) != 400_000_000 {
		t.Errorf("of $GOMEMLIMIT: %d bytes, limit %d", got, debug.SetMemoryLimit(-1))
	}
}

// FuzzCgroupMemory: whatever the kernel's files say, the bound is one that a file has,
// above zero, and no path leads out of where the files are.
func FuzzCgroupMemory(f *testing.F) {
	f.Add("0::/pods/a\n", "max\n", "1000\n")
	f.Add("4:cpu:/x\n3:memory:/../pods\n", "-5", "9223372036854771712")
	f.Add("0::/../../pods/a/..\n\n:::", " 7 \n", "99999999999999999999")
	f.Fuzz(func(t *testing.T, groups, inner, outer string) {
		got, ok := cgroupMemory(fstest.MapFS{
			"proc/self/cgroup": {Data: []byte(groups)}, "sys/fs/cgroup/memory/pods/memory.limit_in_bytes": {Data: []byte(inner)},
			"sys/fs/cgroup/pods/memory.max": {Data: []byte(inner)}, "sys/fs/cgroup/memory.max": {Data: []byte(outer)},
		})
		said := func(text string) bool {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return err == nil && n == got
		}
		if ok && (got <= 0 || got >= unbounded || !said(inner) && !said(outer)) || !ok && got != 0 {
			t.Fatalf("%d, %v of %q, %q and %q", got, ok, groups, inner, outer)
		}
	})
}
