//go:build race

package forward

// raceDetector: the detector makes sync.Pool drop things, so counts of
// allocations mean nothing.
const raceDetector = true
