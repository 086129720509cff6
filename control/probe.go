package control

import (
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/slankdev/ministack/trace"
)

// ProbeRequest is what to probe.
type ProbeRequest struct {
	Filter string `json:"filter"` // see trace.ParseFilter
}

// ProbeBatch is what happened since the last one.
type ProbeBatch struct {
	Steps []trace.Step `json:"steps,omitempty"`
	Lost  uint64       `json:"lost,omitempty"` // steps for which there was no room
}

// probeEvery is the time between two answers.
const probeEvery = 50 * time.Millisecond

// probe tells what functions are passed, until the client leaves. It is a trace
// with stacks: one client at a time does either.
func (v *Server) probe(r *http.Request, q *ProbeRequest, answer func(any) error) error {
	f, err := trace.ParseFilter(q.Filter)
	if err != nil {
		return fmt.Errorf("%v: %w", err, syscall.EINVAL)
	}
	if !v.beginTrace() {
		return fmt.Errorf("somebody else is tracing this stack: %w", syscall.EBUSY)
	}
	defer func() { <-v.tracing }()
	t := v.stack.Tracer()
	t.StartProbe(f.Watch())
	defer t.Stop()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	sel := trace.NewSelector(f)
	for b := (ProbeBatch{}); ; {
		if err := answer(&b); err != nil {
			return err
		}
		for b.Steps = nil; len(b.Steps) == 0; {
			select {
			case <-r.Context().Done():
				return nil
			case <-tick.C:
			}
			var steps []trace.Step
			steps, b.Lost = t.Steps()
			b.Steps = sel.KeepSteps(steps)
		}
	}
}
