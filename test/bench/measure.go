package main

import (
	"errors"
	"fmt"
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
	wire, err := m.link.Make(m.subject.name == "kernel")
	if err != nil {
		return s, err
	}
	defer wire.Close()
	if err := m.start(wire); err != nil {
		return s, err
	}
	defer m.stop()
	if err := m.all("go", nil); err != nil {
		return s, err
	}
	time.Sleep(m.o.warmup)
	before, err := m.mark(0)
	if err != nil {
		return s, err
	}
	time.Sleep(m.o.time)
	after, err := m.mark(m.o.time)
	if err != nil {
		return s, err
	}
	return m.sample(before, after), nil
}

func (m *measurement) start(wire *link.Wire) (err error) {
	cfg := child.Config{Side: work.Subject, Subject: m.subject.name, Link: m.link.String(), Dev: wire.Dev, Work: m.work.Name,
		Warmup: m.o.warmup, Time: m.o.time, Profile: m.profile(), GVisor: m.subject.gvisor, Spin: m.subject.spin}
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

func (m *measurement) mark(extra time.Duration) (k marked, err error) {
	if k.machine, err = readMachine(); err != nil {
		return k, err
	}
	return k, m.tell("mark", extra, &k)
}

// all has everybody do something that gives no counters.
func (m *measurement) all(command string, k *marked) error {
	if k == nil {
		k = new(marked)
	}
	return m.tell(command, m.o.time, k)
}

func (m *measurement) tell(command string, extra time.Duration, k *marked) error {
	sub, err := m.sub.Tell(command, extra)
	if err != nil {
		return fmt.Errorf("the subject: %w", err)
	}
	k.process, k.both, k.extra = sub.CPU, sub.CPU, sub.Extra
	k.subTime, k.peerTime = sub.Time, sub.Time
	switch {
	case m.peer == nil && len(sub.Sides) == 2:
		k.peer, k.sub = sub.Sides[0], sub.Sides[1]
		return nil
	case m.peer == nil || len(sub.Sides) != 1:
		return errors.New("a child has not the sides it should have")
	}
	peer, err := m.peer.Tell(command, extra)
	if err != nil {
		return fmt.Errorf("the peer: %w", err)
	}
	k.peer, k.sub, k.peerTime = peer.Sides[0], sub.Sides[0], peer.Time
	k.both += peer.CPU
	for name, v := range peer.Extra {
		k.extra[name] = v
	}
	return nil
}

// sample is what happened between two marks.
func (m *measurement) sample(a, b marked) report.Sample {
	counts, took := b.sub.Sub(a.sub), b.subTime.Sub(a.subTime)
	if m.work.Counted == work.Peer {
		counts, took = b.peer.Sub(a.peer), b.peerTime.Sub(a.peerTime)
	}
	s := report.Sample{Link: m.link.String(), Work: m.work.Name, Subject: m.subject.label, Round: m.round, Unit: string(m.work.Unit),
		Latency: m.work.Latency, P50: counts.Quantile(0.5), P99: counts.Quantile(0.99), Extra: b.extra}
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
	}
	if amount > 0 {
		s.Process = (b.process - a.process).Seconds() / amount
		s.Machine = spent.busy.Seconds() / amount
	}
	return s
}
