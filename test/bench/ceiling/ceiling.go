// Package ceiling is what a link allows: programs that exchange the same
// frames with the same peer, on the same device, with hardly any TCP of their
// own. They keep no copy of what they send, compute no checksum of it, have no
// congestion control, no timers, no sockets and no locks, and they know what
// comes next. Nothing that is a stack can be faster for long.
package ceiling

import (
	"fmt"

	"github.com/slankdev/ministack/test/bench/frames"
	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/work"
)

// programs are the ceilings by the work's name without its number of streams.
var programs = map[string]func(*frames.Device, *work.Env) work.Part{
	"bulk-tx":    blast,
	"bulk-rx":    respond(responder{}),
	"pingpong":   respond(responder{echo: true}),
	"crc-server": respond(responder{echo: true}),
	"ping":       respond(responder{}),
	"udp-rx":     respond(responder{}),
	"udp-tx":     shower,
}

// Has reports whether there is a ceiling for a work on a link.
func Has(l link.Spec, w work.Work) bool {
	if l.Device == link.Pipe {
		return copies(w)
	}
	_, ok := programs[w.Base()]
	return ok
}

// Open opens the device and returns what the subject's side does.
func Open(o frames.Options, w work.Work, e *work.Env) (work.Part, error) {
	program, ok := programs[w.Base()]
	if !ok {
		return work.Part{}, fmt.Errorf("no ceiling for %s", w.Name)
	}
	d, err := frames.Open(o)
	if err != nil {
		return work.Part{}, err
	}
	return program(d, e), nil
}
