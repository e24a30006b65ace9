package main

import (
	"regexp"
	"strings"
)

// failure is what failed first in a run of tests; the zero failure is nothing.
type failure struct {
	by  string // as failed and time-outs name it
	out string // of all tests
}

// shownLines and shownBytes bound what is shown of a failure.
const (
	shownLines = 80
	shownBytes = 12 << 10
)

var (
	testName = regexp.MustCompile(`\bTest[^\s/,]*`)
	nameLine = regexp.MustCompile(`^=== [A-Z]+ +(\S+)`)
)

// test is the test that failed, without its subtest; empty if there was none yet.
func (f failure) test() string { return testName.FindString(f.by) }

// shown is the end of what the test printed: with -test.v, what follows a line that names it or one of its subtests. A
// panic is shown from its beginning, and anything else that is no test's by the end of all that was printed.
func (f failure) shown() string {
	if at := strings.Index("\n"+f.out, "\npanic:"); at >= 0 {
		return head(f.out[at:])
	}
	var own []string
	mine := false
	for line := range strings.Lines(f.out) {
		if m := nameLine.FindStringSubmatch(line); m != nil {
			mine = f.owns(m[1])
		} else if m := failLine.FindStringSubmatch(line); mine || m != nil && f.owns(m[1]) {
			own = append(own, line)
		}
	}
	if f.test() == "" || len(own) == 0 {
		return tail(f.out)
	}
	return tail(strings.Join(own, ""))
}

func (f failure) owns(name string) bool {
	return name == f.test() || strings.HasPrefix(name, f.test()+"/")
}

func head(s string) string {
	lines := strings.SplitAfterN(s, "\n", shownLines+1)
	s = strings.Join(lines[:min(len(lines), shownLines)], "")
	return strings.TrimSpace(s[:min(len(s), shownBytes)])
}

func tail(s string) string {
	lines := strings.SplitAfter(strings.TrimRight(s, "\n"), "\n")
	s = strings.Join(lines[max(0, len(lines)-shownLines):], "")
	return s[max(0, len(s)-shownBytes):]
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
