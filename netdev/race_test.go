//go:build race

package netdev

const raceDetector = true
