//go:build !linux

// Package netns is for tests on Linux.
package netns
