//go:build race

package packet_test

const raceDetector = true
