package main

import (
	"fmt"
	"maps"
	"time"

	"github.com/slankdev/ministack/test/bench/child"
	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/report"
	"github.com/slankdev/ministack/test/bench/work"
)

// measurement is one subject doing one work on one link, once: link, processes
// and connections are made for it and go with it.
type measurement struct {
	o       *options
	link    link.Spec
	work    work.Work
	subject contender
	round   int

	peer, sub *child.Process // the same process in a pipe
}

func (m *measurement) run() (s report.Sample, err error) {
	wire, err := m.link.Make(link.Needs{Kernel: m.subject.name == "kernel", Lossy: m.work.Lossy})
	if err != nil {
		return s, err
	}
	defer wire.Close()
	if err := m.start(wire); err != nil {
		return s, err
	}
	defer m.stop()
	if err := m.tell("go", m.work.Setup, new(marked)); err != nil {
		return s, err
	}
	time.Sleep(m.o.warmup)
	before, err := m.mark()
	if err != nil {
		return s, err
	}
	time.Sleep(m.o.timeOf(m.work))
	after, err := m.mark()
	if err != nil {
		return s, err
	}
	end := new(marked)
	if err := m.tell("finish", m.o.timeOf(m.work)+m.work.Setup, end); err != nil {
		return s, err
	}
	maps.Copy(after.extra, end.extra)
	return m.sample(before, after), nil
}

func (m *measurement) start(wire *link.Wire) (err error) {
	cfg := child.Config{Side: work.Subject, Subject: m.subject.name, Link: m.link.String(), Dev: wire.Dev, Work: m.work.Name,
		Warmup: m.o.warmup, Time: m.o.timeOf(m.work), Profile: m.profile(), GVisor: m.subject.gvisor, Spin: m.subject.spin}
	if m.sub, err = child.Start(m.subject.program, wire.Subject, cfg); err != nil {
		return fmt.Errorf("the subject: %w", err)
	}
	if m.link.Device == link.Pipe {
		return nil
	}
	cfg.Side, cfg.Profile = work.Peer, ""
	if m.peer, err = child.Start("/proc/self/exe", wire.Peer, cfg); err != nil {
		m.stop()
		return fmt.Errorf("the peer: %w", err)
	}
	return nil
}

func (m *measurement) stop() {
	for _, p := range []*child.Process{m.sub, m.peer} {
		if p != nil {
			p.Stop()
		}
	}
}

// marked is everybody's counters at one moment.
type marked struct {
	peer, sub work.Counts
	peerTime  time.Time
	subTime   time.Time
	process   time.Duration
	both      time.Duration // the peer's process, too
	machine   machine
	extra     map[string]float64
}

func (m *measurement) mark() (k marked, err error) {
	if k.machine, err = readMachine(); err != nil {
		return k, err
	}
	return k, m.tell("mark", 0, &k)
}

// tell has the peer, then the subject do something, and notes their answers:
// the peer is there first, and what it prepares is done before traffic begins.
func (m *measurement) tell(command string, extra time.Duration, k *marked) error {
	k.extra = map[string]float64{}
	if m.peer != nil {
		s, err := m.peer.Tell(command, extra)
		if err != nil {
			return fmt.Errorf("the peer: %w", err)
		}
		k.peer, k.peerTime, k.both = s.Sides[0], s.Time, s.CPU
		maps.Copy(k.extra, s.Extra)
	}
	s, err := m.sub.Tell(command, extra)
	if err != nil {
		return fmt.Errorf("the subject: %w", err)
	}
	if m.peer == nil {
		k.peer, k.peerTime = s.Sides[0], s.Time
	}
	k.sub, k.subTime, k.process = s.Sides[len(s.Sides)-1], s.Time, s.CPU
	k.both += s.CPU
	maps.Copy(k.extra, s.Extra)
	return nil
}

// sample is what happened between two marks.
func (m *measurement) sample(a, b marked) report.Sample {
	counts, took := b.sub.Sub(a.sub), b.subTime.Sub(a.subTime)
	if m.work.Counted == work.Peer {
		counts, took = b.peer.Sub(a.peer), b.peerTime.Sub(a.peerTime)
	}
	s := report.Sample{Link: m.link.String(), Work: m.work.Name, Subject: m.subject.label, Round: m.round, Unit: string(m.work.Unit),
		Latency: m.work.Latency, Less: m.work.Unit == work.Bytes, P50: counts.Quantile(0.5), P99: counts.Quantile(0.99), Extra: b.extra}
	spent := b.machine.since(a.machine)
	s.Stolen = share(spent.stolen, spent.all)
	s.Others = share(spent.busy-(b.both-a.both), spent.all)
	amount := float64(counts.Ops) / 1e6
	s.Rate = float64(counts.Ops) / took.Seconds()
	switch m.work.Unit {
	case work.Gbit:
		amount = float64(counts.Bytes) / 1e9
		s.Rate = 8 * amount / took.Seconds()
	case work.Packets:
		s.Rate /= 1e3
	case work.Bytes:
		amount, s.Rate = 0, b.extra[work.HeapPerConn]
		delete(s.Extra, work.HeapPerConn)
	}
	if p50, ok := b.extra[work.ToolP50]; ok {
		s.P50, s.P99 = time.Duration(p50), time.Duration(b.extra[work.ToolP99])
		delete(s.Extra, work.ToolP50)
		delete(s.Extra, work.ToolP99)
	}
	if amount > 0 {
		s.Process = (b.process - a.process).Seconds() / amount
		s.Machine = spent.busy.Seconds() / amount
	}
	return s
}
