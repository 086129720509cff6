//go:build !race

package netdev

const raceDetector = false
