//go:build !race

package skb

const raceDetector = false
