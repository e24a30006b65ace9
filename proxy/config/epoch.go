package config

import "strconv"

// ParseEpoch reads AnnotationEpoch, in which a proxy may write what it likes; 0
// where that is no epoch.
func ParseEpoch(text string) uint64 {
	epoch, err := strconv.ParseUint(text, 10, 64)
	if err != nil || epoch > MaxEpoch {
		return 0
	}
	return epoch
}
