package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// small is a module with the packages that faults are planted in. The simulation of it finds what Slow does wrong with
// seed 13.
var small = map[string]string{
	"go.mod":                      "module small\n\ngo 1.24\n",
	"proxy/cluster/x.go":          "package cluster\n\nfunc Double(n int) int {\n\treturn 2 * n\n}\n\nfunc Slow(n int) int {\n\treturn n\n}\n\nfunc Unused() int {\n\treturn 1\n}\n",
	"proxy/cluster/x_test.go":     "package cluster\n\nimport \"testing\"\n\nfunc TestDouble(t *testing.T) {\n\tif Double(2) != 4 {\n\t\tt.Fatal()\n\t}\n}\n",
	"proxy/location/y.go":         "package location\n",
	"proxy/location/y_test.go":    "package location\n\nimport \"testing\"\n\nfunc TestNothing(*testing.T) {}\n",
	"proxy/cluster/sim/s.go":      "package sim\n",
	"proxy/cluster/sim/s_test.go": "package sim\n\nimport (\n\t\"flag\"\n\t\"testing\"\n\n\t\"small/proxy/cluster\"\n)\n\nvar (\n\tseed = flag.Int(\"seed\", 1, \"\")\n\tseeds = flag.Int(\"seeds\", 1, \"\")\n)\n\nfunc TestSim(t *testing.T) {\n\tt.Run(\"plain\", func(t *testing.T) {\n\t\tfor s := *seed; s < *seed+*seeds; s++ {\n\t\t\tif cluster.Slow(s) != s {\n\t\t\t\tt.Errorf(\"seed %d: lost at 1\", s)\n\t\t\t}\n\t\t}\n\t})\n}\n",
}

const smallFaults = `fault: doubles wrong
@ proxy/cluster/x.go
-	return 2 * n
+	return 3 * n

fault: is slow wrong
@ proxy/cluster/x.go
-	return n
+	return min(n, 12)

fault: hangs
@ proxy/cluster/x.go
-	return 2 * n
+	for {
+	}

fault: does nothing
@ proxy/cluster/x.go
-	return 1
+	return 2

fault: is not there
@ proxy/cluster/x.go
-	return 7
+	return 2

fault: is no code
@ proxy/cluster/x.go
-	return 1
+	return one
`

// write writes the module to a directory, changed.
func write(t *testing.T, root string, change func(string) string) {
	t.Helper()
	for name, text := range small {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(change(text)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRunTellsWhatNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tests")
	}
	root := t.TempDir()
	write(t, root, func(text string) string { return text })
	faults, err := parse(smallFaults)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r := runner{suite: suite{root: root, dir: t.TempDir(), seeds: 30, slack: 5 * time.Second}, out: &out}
	err = r.run(t.Context(), faults)
	if err == nil || err.Error() != "1 faults survived, 2 do not fit" {
		t.Errorf("error %v", err)
	}
	got := regexp.MustCompile(`\d+(\.\d+)? s\b`).ReplaceAllString(out.String(), "T s")
	want := []string{
		"6 faults; up to 30 seeds of TestSim/plain",
		"no fault: the unit tests pass, T s",
		"1/6 doubles wrong (x.go): TestDouble, T s",
		"2/6 is slow wrong (x.go): TestSim/plain, seed 13: lost; 13 seeds, T s",
		"3/6 hangs (x.go): time-out after T s in TestDouble, T s",
		"4/6 does nothing (x.go): NOT NOTICED, T s",
		"5/6 is not there (x.go): DOES NOT FIT, T s",
		"6/6 is no code (x.go): DOES NOT COMPILE, T s",
	}
	var lines []string
	for line := range strings.Lines(got) {
		if line = strings.TrimSpace(line); strings.Contains(line, "/6 ") || len(lines) < 2 {
			lines = append(lines, line)
		}
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("printed (-want +got):\n%s\n%s", diff, got)
	}
	for _, s := range []string{"undefined: one", "has these lines 0 times, not once:\n  \treturn 7\n", "not noticed:\n  does nothing\n", "not in the code any more:\n  is not there\n  is no code\n"} {
		if !strings.Contains(got, s) {
			t.Errorf("does not print %q", s)
		}
	}
}

// TestRunEndsInTime, and says what was left out.
func TestRunEndsInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tests")
	}
	root := t.TempDir()
	write(t, root, func(text string) string { return text })
	faults, err := parse(smallFaults)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r := runner{suite: suite{root: root, dir: t.TempDir(), seeds: 1, slack: time.Second}, limit: time.Nanosecond, out: &out}
	if err := r.run(t.Context(), faults); err != nil {
		t.Error(err)
	}
	if want := "not planted this time:\n  doubles wrong\n  is slow wrong\n"; !strings.Contains(out.String(), want) {
		t.Errorf("printed %q without %q", &out, want)
	}
}

// TestRunNeedsASuiteThatPasses: what fails anyhow notices nothing. What it printed is told.
func TestRunNeedsASuiteThatPasses(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tests")
	}
	root := t.TempDir()
	write(t, root, func(text string) string {
		return strings.Replace(text, "t.Fatal()", `t.Fatal("doubles", Double(2)+1)`, 1)
	})
	faults, _ := parse(smallFaults)
	r := runner{suite: suite{root: root, dir: t.TempDir(), seeds: 1, slack: time.Minute}, limit: time.Nanosecond, out: new(bytes.Buffer)}
	if err := r.run(t.Context(), faults); err != nil {
		t.Errorf("the suite that passes: %v", err)
	}
	write(t, root, func(text string) string {
		return strings.Replace(strings.Replace(text, "2 * n", "5 * n", 1), "t.Fatal()", `t.Fatal("doubles", Double(2)+1)`, 1)
	})
	err := r.run(t.Context(), faults)
	if err == nil || !strings.HasPrefix(err.Error(), "fails without any fault: TestDouble. It printed:\n") || !strings.Contains(err.Error(), "x_test.go:7: doubles 11\n") {
		t.Errorf("error %v", err)
	}
}

// TestRunGoesOnAfterWhatFailedOnce without a fault and passed by itself, and runs the tests that come after it too.
func TestRunGoesOnAfterWhatFailedOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("builds tests")
	}
	for name, tt := range map[string]struct {
		later string // what a test does that comes later
		err   string
		once  string // tests reported, each with what it printed
	}{
		"all others pass":      {later: "", once: "TestA TestB/sub"},
		"a later one does not": {later: `t.Fatal("always")`, err: "fails without any fault: TestZ. ", once: "TestA TestB/sub"},
	} {
		t.Run(name, func(t *testing.T) {
			root, seen := t.TempDir(), t.TempDir()
			write(t, root, func(text string) string { return text })
			flaky := fmt.Sprintf("package cluster\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n"+
				"func once(t *testing.T) {\n\tif os.Mkdir(%q+t.Name()[:5], 0o700) == nil {\n\t\tt.Fatal(\"not yet:\", t.Name())\n\t}\n}\n\n"+
				"func TestA(t *testing.T) { once(t) }\n\nfunc TestB(t *testing.T) { t.Run(\"sub\", once) }\n\nfunc TestZ(t *testing.T) { %s }\n", seen+"/", tt.later)
			if err := os.WriteFile(filepath.Join(root, "proxy/cluster/z_test.go"), []byte(flaky), 0o600); err != nil {
				t.Fatal(err)
			}
			faults, err := parse(smallFaults)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			r := runner{suite: suite{root: root, dir: t.TempDir(), seeds: 1, slack: time.Minute}, limit: time.Nanosecond, out: &out}
			err = r.run(t.Context(), faults)
			if (err == nil) != (tt.err == "") || err != nil && !strings.HasPrefix(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			var reported []string
			for _, m := range regexp.MustCompile(`(?m)^no fault: (\S+) of proxy/cluster failed once, and passed when it was run again`).FindAllStringSubmatch(out.String(), -1) {
				reported = append(reported, m[1])
				if want := "z_test.go:10: not yet: " + m[1] + "\n"; !strings.Contains(out.String(), want) {
					t.Errorf("does not print %q", want)
				}
			}
			if got := strings.Join(reported, " "); got != tt.once {
				t.Errorf("reports %q, want %q:\n%s", got, tt.once, &out)
			}
			if _, ok := r.suite.usual[key("proxy/cluster", unitArgs)]; ok != (tt.err == "") {
				t.Errorf("how long the tests take is known: %v", ok)
			}
		})
	}
}
