//go:build race

package skb

const raceDetector = true
