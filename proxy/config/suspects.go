package config

import (
	"slices"
	"strings"
)

// maxSuspects and maxEnded bound AnnotationSuspects and AnnotationEnded, in bytes; the
// API allows 256 KiB for all annotations.
const (
	maxSuspects = 128 << 10
	maxEnded    = 64 << 10
)

// JoinSuspects is AnnotationSuspects for the names: sorted, without those beyond
// the bound.
func JoinSuspects(names []string) string { return joined(names, maxSuspects) }

// JoinEnded is AnnotationEnded for the names, likewise. SplitSuspects reads it.
func JoinEnded(names []string) string { return joined(names, maxEnded) }

func joined(names []string, most int) string {
	sorted := slices.Sorted(slices.Values(names))
	size := 0
	for i, name := range sorted {
		if size += len(name) + 1; size > most {
			sorted = sorted[:i]
			break
		}
	}
	return strings.Join(sorted, ",")
}

// SplitSuspects are the names in AnnotationSuspects, sorted, each once, and as many
// as a cluster has members: a proxy may write what it likes.
func SplitSuspects(text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[:min(len(names), MaxMembers)]
}
