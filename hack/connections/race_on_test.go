//go:build race

package main

// raceDetector: the detector keeps a shadow of all memory.
const raceDetector = true
