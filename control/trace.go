package control

import (
	"fmt"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/slankdev/ministack/trace"
)

// trace turns tracing on and tells what happens until the client leaves. One
// client at a time: the tracer has one ring.
func (v *Server) trace(r *http.Request, q *TraceRequest, answer func(any) error) error {
	f, err := trace.ParseFilter(q.Filter)
	if err != nil {
		return fmt.Errorf("%v: %w", err, syscall.EINVAL)
	}
	t := v.stack.Tracer()
	if q.Flight {
		return answer(v.batch(trace.NewSelector(f), t.Flight(), 0))
	}
	if !v.beginTrace() {
		return fmt.Errorf("somebody else is tracing this stack: %w", syscall.EBUSY)
	}
	defer func() { <-v.tracing }()
	w := f.Watch()
	w.Precise, w.Records = !q.Coarse, min(max(q.Size, 0), 1<<22)
	t.Start(w)
	defer t.Stop()
	return v.follow(r, q, f, answer)
}

// beginTrace waits a little for a client that has gone, which shows late.
func (v *Server) beginTrace() bool {
	select {
	case v.tracing <- struct{}{}:
		return true
	case <-time.After(500 * time.Millisecond):
		return false
	}
}

// follow answers every so often with what is new. The first answer comes at
// once: the client knows by it that it misses nothing from then on.
func (v *Server) follow(r *http.Request, q *TraceRequest, f *trace.Filter, answer func(any) error) error {
	every := time.Duration(q.Every) * time.Millisecond
	if every <= 0 {
		every = 100 * time.Millisecond
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	sel := trace.NewSelector(f)
	var recs []trace.Record
	var from, lost uint64
	for {
		if err := answer(v.batch(sel, recs, lost)); err != nil {
			return err
		}
		for recs = recs[:0]; len(recs) == 0; {
			select {
			case <-r.Context().Done():
				return nil
			case <-tick.C:
			}
			recs, from, lost = v.stack.Tracer().ReadLost(from, recs)
		}
	}
}

func (v *Server) batch(sel *trace.Selector, recs []trace.Record, lost uint64) *TraceBatch {
	b := &TraceBatch{Lost: lost, Now: v.stack.Clock().Now(), Wall: v.stack.Clock().Wall(), Devs: map[int]string{}}
	entries := make([]trace.Entry, 0, len(recs))
	for i := range recs {
		entries = append(entries, trace.Decode(&recs[i]))
	}
	b.Entries = sel.Keep(entries)
	for _, d := range v.stack.Devices() {
		b.Devs[d.Index] = d.Name
	}
	return b
}

// why explains what the flight recorder remembers, of one peer or all.
func (v *Server) why(r *http.Request) (any, error) {
	var peer netip.Addr
	if s := r.URL.Query().Get("peer"); s != "" {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address: %w", s, syscall.EINVAL)
		}
		peer = a
	}
	c := v.stack.Clock()
	return Why{Findings: trace.Explain(v.stack.Tracer().Flight(), v, peer), Now: c.Now(), Wall: c.Wall()}, nil
}
