//go:build race

package auth

// raceDetector: the detector makes sync.Pool drop things, so counts of
// allocations mean nothing.
const raceDetector = true
