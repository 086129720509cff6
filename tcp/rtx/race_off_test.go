//go:build !race

package rtx

const raceDetector = false
