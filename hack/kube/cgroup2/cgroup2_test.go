package cgroup2

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// group makes what the kernel shows of a group, with these controllers, of
// which it hands these down.
func group(t *testing.T, dir, has, hands string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{offered: has, handed: hands} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func handsDown(t *testing.T, dir string) []string {
	t.Helper()
	got, err := words(filepath.Join(dir, handed))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

const all = "cpuset cpu io memory hugetlb pids"

func TestMakeHandsControllersDownAllTheWay(t *testing.T) {
	root := t.TempDir()
	group(t, root, all, "memory pids")
	group(t, filepath.Join(root, "top"), all, "")
	group(t, filepath.Join(root, "top", "one"), all, "")
	group(t, filepath.Join(root, "top", "one", "node1"), all, "")
	if err := Make(root, "top/one/node1"); err != nil {
		t.Fatal(err)
	}
	// A file keeps what was written; the kernel would drop the sign.
	for dir, want := range map[string][]string{
		"":              {"memory", "pids", "+cpu", "+cpuset"},
		"top":           {"+cpu", "+cpuset", "+memory", "+pids"},
		"top/one":       {"+cpu", "+cpuset", "+memory", "+pids"},
		"top/one/node1": nil, // it is about to hold a process
	} {
		if diff := cmp.Diff(want, append([]string(nil), handsDown(t, filepath.Join(root, dir))...)); diff != "" {
			t.Errorf("%q hands down (-want +got):\n%s", dir, diff)
		}
	}
}

func TestMakeMakesWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	group(t, root, all, all)
	if err := Make(root, "top"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(root, "top")); err != nil || !info.IsDir() {
		t.Errorf("no group was made: %v", err)
	}
}

func TestHandDownNamesWhatIsMissing(t *testing.T) {
	root := t.TempDir()
	group(t, root, "cpu memory pids", "cpu")
	if err := HandDown(root); err == nil || !strings.Contains(err.Error(), "no controller cpuset") {
		t.Errorf("got %v, want that cpuset is missing", err)
	}
}

func TestMountedIsVersion2Only(t *testing.T) {
	root := t.TempDir()
	if Mounted(root) {
		t.Error("a directory without cgroup.controllers counts as version 2")
	}
	group(t, root, all, "")
	if !Mounted(root) {
		t.Error("a directory with cgroup.controllers does not count as version 2")
	}
}
