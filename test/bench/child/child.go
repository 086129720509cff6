// Package child runs one side of a measurement in a process of its own, so
// that what it costs can be told from what the machine spends besides. The
// bench starts itself again; the two talk in lines over the standard streams.
package child

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/slankdev/ministack/test/bench/ceiling"
	"github.com/slankdev/ministack/test/bench/frames"
	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/subject"
	"github.com/slankdev/ministack/test/bench/work"
)

// Config is what a child is told to do.
type Config struct {
	Side    work.Side
	Subject string
	Link    string
	Dev     string
	Work    string
	Warmup  time.Duration
	Time    time.Duration
	Profile string // a file for the CPU profile of the measured time
	GVisor  subject.GVisorOptions
	Spin    time.Duration // the ceiling's
}

// Snapshot is a child's answer: its counters, and what it has cost so far.
type Snapshot struct {
	Error string             `json:"error,omitempty"`
	Time  time.Time          `json:"time"`
	CPU   time.Duration      `json:"cpu"` // user and system
	Sides []work.Counts      `json:"sides"`
	Extra map[string]float64 `json:"extra,omitempty"`
}

// Arg is the argument that makes the program a child.
const Arg = "child"

// Main is a child's main. It ends when its standard input does.
func Main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	s := new(session)
	for in.Scan() {
		answer := Snapshot{}
		if err := s.command(in.Bytes()); err != nil {
			answer.Error = err.Error()
		} else {
			answer = s.snapshot()
		}
		_ = out.Encode(answer) // nobody listens: the next Scan ends
	}
}

// session is what a child does: one side, or both in a pipe.
type session struct {
	cfg   Config
	work  work.Work
	link  link.Spec
	sides []side
	marks int
}

type side struct {
	part work.Part
	env  *work.Env
}

// command does one line: a Config opens, "go" begins, "mark" takes counters,
// "finish" has the parts sum up.
func (s *session) command(line []byte) error {
	switch string(line) {
	case "go":
		return s.each(func(p work.Part) func(*work.Env) error { return p.Run })
	case "mark":
		return s.mark()
	case "finish":
		return s.each(func(p work.Part) func(*work.Env) error { return p.Finish })
	}
	if err := json.Unmarshal(line, &s.cfg); err != nil {
		return err
	}
	return s.open()
}

func (s *session) open() error {
	specs, err := link.Parse(s.cfg.Link)
	if err != nil {
		return err
	}
	works, err := work.Parse(s.cfg.Work)
	if err != nil {
		return err
	}
	s.work = works[0]
	s.link = specs[0]
	if s.cfg.Subject == "kernel" && s.link.Device == link.TUN {
		s.link.Device = link.TAP // it has a veth pair, with Ethernet
	}
	if err := s.openSides(specs[0]); err != nil {
		return err
	}
	return s.each(func(p work.Part) func(*work.Env) error { return p.Listen })
}

func (s *session) openSides(spec link.Spec) error {
	o := subject.Options{Link: spec, Dev: s.cfg.Dev, GVisor: s.cfg.GVisor}
	switch {
	case s.cfg.Side == work.Subject && s.cfg.Subject == "ceiling":
		return s.openCeiling(spec)
	case spec.Device == link.Pipe:
		host, guest, err := subject.OpenPair(s.cfg.Subject, o)
		s.add(work.Peer, host)
		s.add(work.Subject, guest)
		return err
	case s.cfg.Side == work.Peer:
		s.add(work.Peer, subject.Kernel{})
		return nil
	}
	n, err := subject.Open(s.cfg.Subject, o)
	s.add(work.Subject, n)
	return err
}

// openCeiling has the subject's part be another program's.
func (s *session) openCeiling(spec link.Spec) (err error) {
	if spec.Device == link.Pipe {
		s.add(work.Peer, nil)
		s.add(work.Subject, nil)
		s.sides[0].part, s.sides[1].part = ceiling.Memory(spec, s.work)
		return nil
	}
	s.add(work.Subject, nil)
	o := frames.Options{Link: spec, Dev: s.cfg.Dev, Own: link.Guest, Other: link.Host, MAC: link.GuestMAC, Spin: s.cfg.Spin}
	s.sides[0].part, err = ceiling.Open(o, s.work, s.sides[0].env)
	return err
}

func (s *session) add(which work.Side, n subject.Net) {
	e := &work.Env{Net: n, Own: link.Guest, Other: link.Host, Streams: s.work.Streams, Idle: s.work.Idle, Link: s.link, Warmup: s.cfg.Warmup, Time: s.cfg.Time,
		Stats: new(work.Stats), Extra: map[string]float64{}}
	part := s.work.OnSubject
	if which == work.Peer {
		part, e.Own, e.Other = s.work.OnPeer, link.Host, link.Guest
	}
	s.sides = append(s.sides, side{part, e})
}

func (s *session) each(step func(work.Part) func(*work.Env) error) error {
	for _, side := range s.sides {
		if fn := step(side.part); fn != nil {
			if err := fn(side.env); err != nil {
				return err
			}
		}
	}
	return nil
}

// mark begins the measured time, and the second one ends it.
func (s *session) mark() error {
	s.marks++
	switch s.marks {
	case 1:
		return s.profile()
	case 2:
		pprof.StopCPUProfile()
	}
	return nil
}

func (s *session) profile() error {
	if s.cfg.Profile == "" {
		return nil
	}
	f, err := os.Create(s.cfg.Profile)
	if err != nil {
		return err
	}
	return pprof.StartCPUProfile(f)
}

func (s *session) snapshot() Snapshot {
	snap := Snapshot{Time: time.Now(), CPU: cpu(), Extra: map[string]float64{}}
	for _, side := range s.sides {
		snap.Sides = append(snap.Sides, side.env.Stats.Counts())
		for k, v := range side.env.Extra {
			snap.Extra[k] = v
		}
	}
	return snap
}

func (s *session) close() {
	for _, side := range s.sides {
		if side.env.Net != nil {
			_ = side.env.Net.Close() // its goroutines end
		}
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("getrusage: %v", err))
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
