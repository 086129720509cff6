//go:build race

package arp

const raceDetector = true
