package main

import (
	"context"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/tcp"
)

// How long connections get to end in order: until the peer has acknowledged
// what we sent, and then until it has closed its half as well, which it may
// never do.
const (
	finishTime = 3 * time.Second
	closeTime  = 500 * time.Millisecond
)

// finish waits until every connection that was closed has ended. It gives up
// when the time is over, or when the user insists.
func finish(ctx context.Context, s *ministack.Stack) {
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	began := time.Now()
	for {
		unsaid, unanswered := parting(s)
		passed := time.Since(began)
		if passed > finishTime || !unsaid && (!unanswered || passed > closeTime) {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// parting reports whether a connection still has something to say, and whether
// one waits for its peer to close.
func parting(s *ministack.Stack) (unsaid, unanswered bool) {
	s.TCPSockets(func(e tcp.Entry) {
		switch e.State {
		case tcp.FinWait1, tcp.Closing, tcp.LastAck:
			unsaid = true
		case tcp.FinWait2:
			unanswered = true
		}
	})
	return unsaid, unanswered
}
