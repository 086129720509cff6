// Package wire tests the stack with the kernel as its peer, in a network
// namespace that the tests make for themselves: no route leads out of it.
package wire

import (
	"testing"

	"github.com/slankdev/ministack/test/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }
