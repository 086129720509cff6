package trace

import (
	"fmt"
	"io"
	"strings"

	"github.com/slankdev/ministack/clock"
)

// ProbePrinter shows steps as a call graph: functions entered and left,
// indented by depth, and the events between them. Times are microseconds since
// the goroutine entered the outermost function. A function that was left
// without an event has no time there: it was not seen.
type ProbePrinter struct {
	W io.Writer
	// Packages are those whose functions are shown; none: all.
	Packages []string

	threads map[uint64]*thread
}

// thread is where a goroutine is.
type thread struct {
	id    uint64
	began clock.Time
	calls []Call
	out   strings.Builder
}

// maxThreads bounds what is remembered of goroutines that came and went.
const maxThreads = 4096

// A user's call: how the names of its functions begin, and its two events.
const (
	callEntry  = "socket.(*Socket)."
	callBegins = "socket.call"
	callEnds   = "socket.return"
)

// Print shows steps in their order.
func (p *ProbePrinter) Print(steps []Step) error {
	for i := range steps {
		t := p.thread(steps[i].Goroutine)
		t.step(&steps[i], p.visible(steps[i].calls()))
		if _, err := io.WriteString(p.W, t.out.String()); err != nil {
			return err
		}
		t.out.Reset()
	}
	return nil
}

// calls leaves out the function that only notes that a call begins or ends.
func (s *Step) calls() []Call {
	if n := len(s.Calls); n > 0 && (s.Event == callBegins || s.Event == callEnds) {
		return s.Calls[:n-1]
	}
	return s.Calls
}

func (p *ProbePrinter) thread(id uint64) *thread {
	if p.threads == nil || len(p.threads) > maxThreads {
		p.threads = map[uint64]*thread{}
	}
	t := p.threads[id]
	if t == nil {
		t = &thread{id: id}
		p.threads[id] = t
	}
	return t
}

// visible leaves out functions of packages that nobody asked for.
func (p *ProbePrinter) visible(calls []Call) []Call {
	if len(p.Packages) == 0 {
		return calls
	}
	var kept []Call
	for _, c := range calls {
		for _, name := range p.Packages {
			if strings.HasPrefix(c.Func, name+".") || strings.HasPrefix(c.Func, name+"/") {
				kept = append(kept, c)
				break
			}
		}
	}
	return kept
}

// step shows what was left and entered since the last one, and the event. An
// event of a layer that is not looked at shows nothing.
func (t *thread) step(s *Step, calls []Call) {
	same := t.common(calls)
	if s.Event == callBegins { // another call of the same function is another
		same = min(same, firstEntry(calls))
	}
	for depth := len(t.calls) - 1; depth >= same; depth-- {
		t.line(-1, depth, "<- "+t.calls[depth].Func)
	}
	if same == 0 {
		t.began = s.Time
	}
	for depth := same; depth < len(calls); depth++ {
		t.line(s.Time, depth, fmt.Sprintf("-> %-*s %s", 56-2*depth, calls[depth].Func, calls[depth].Site))
	}
	t.calls = calls
	var details Printer
	switch {
	case s.Event == callEnds:
		t.leave(s)
	case len(calls) > 0 && s.Event != callBegins:
		t.line(s.Time, len(calls), " . "+strings.TrimRight(s.Event+" "+details.detail(&s.Entry), " "))
	}
}

// common is how many of the outer calls are those of the last step.
func (t *thread) common(calls []Call) int {
	n := 0
	for n < len(calls) && n < len(t.calls) && calls[n].Func == t.calls[n].Func {
		n++
	}
	return n
}

func firstEntry(calls []Call) int {
	for i := range calls {
		if strings.HasPrefix(calls[i].Func, callEntry) {
			return i
		}
	}
	return len(calls)
}

// leave shows the end of a user's call, whose time is known.
func (t *thread) leave(s *Step) {
	first := firstEntry(t.calls)
	for depth := len(t.calls) - 1; depth >= first; depth-- {
		t.line(s.Time, depth, "<- "+t.calls[depth].Func)
	}
	t.calls = t.calls[:first]
}

// line writes one line; at is negative for a moment that was not seen.
func (t *thread) line(at clock.Time, depth int, text string) {
	when := ""
	if at >= 0 {
		when = fmt.Sprintf("%.1f", float64(at.Sub(t.began))/1e3)
	}
	fmt.Fprintf(&t.out, "%9s [%d] %s%s\n", when, t.id, strings.Repeat("  ", depth), strings.TrimRight(text, " "))
}
