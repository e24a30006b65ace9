package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	runLine  = regexp.MustCompile(`(?m)^=== (?:RUN|CONT) +(\S+)`)
	failLine = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)
	seedLine = regexp.MustCompile(`\bseed (\d+): ([^\n]*)`)
)

// failed says what failed, given the output of tests run with -test.v: the test that failed deepest first, or the one
// that ran when the process ended; and for the simulation its seed and what was violated.
func failed(out string) string {
	test := running(out)
	if names := failLine.FindAllStringSubmatch(out, -1); names != nil {
		test = names[0][1]
		for _, n := range names {
			if strings.HasPrefix(n[1], test+"/") {
				test = n[1]
			}
		}
	} else if strings.Contains(out, "panic:") {
		test += " (panic)"
	}
	if m := seedLine.FindStringSubmatch(out); m != nil {
		what, _, _ := strings.Cut(m[2], " at ")
		return test + ", seed " + m[1] + ": " + what
	}
	return test
}

// running is the test that was begun last.
func running(out string) string {
	names := runLine.FindAllStringSubmatch(out, -1)
	if names == nil {
		return "no test"
	}
	return names[len(names)-1][1]
}

// seedsUntil is how many seeds of a batch were run when the test named the one that failed; all of them if it named none.
func seedsUntil(by string, batch [2]int) int {
	if m := seedLine.FindStringSubmatch(by); m != nil {
		if s, err := strconv.Atoi(m[1]); err == nil && s >= batch[0] && s < batch[0]+batch[1] {
			return s - batch[0] + 1
		}
	}
	return batch[1]
}

// modesOf lists the tests and subtests that run seeds, given the output of all with -test.v: those without subtests.
func modesOf(out string) []string {
	var names, leaves []string
	for _, m := range runLine.FindAllStringSubmatch(out, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(names, func(other string) bool { return strings.HasPrefix(other, n+"/") }) {
			leaves = append(leaves, n)
		}
	}
	return leaves
}
