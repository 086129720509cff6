package main

import (
	"context"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/tcp"
)

// finishTime is how long connections get to end in order.
const finishTime = 3 * time.Second

// finish waits until every connection that was closed has ended: both sides
// have said goodbye. It gives up after finishTime, or when the
// user insists.
func finish(ctx context.Context, s *ministack.Stack) {
	limit := time.NewTimer(finishTime)
	defer limit.Stop()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for parting(s) {
		select {
		case <-again.C:
		case <-limit.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// parting reports whether a connection still has something to say.
func parting(s *ministack.Stack) (any bool) {
	s.TCPSockets(func(e tcp.Entry) {
		switch e.State {
		case tcp.FinWait1, tcp.FinWait2, tcp.Closing, tcp.LastAck:
			any = true
		}
	})
	return any
}
