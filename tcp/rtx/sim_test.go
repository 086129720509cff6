package rtx

import (
	"container/heap"
	"fmt"
	"strings"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// A simulation of one transfer: the sender is a Sender driven as doc.go says,
// the path has a rate, a delay and a queue and may drop and reorder, the
// receiver is an ideal one (sim_receiver_test.go). Time is virtual, randomness
// comes from a seed: the same every time.

// path describes the network. Losses and delays are asked by the number of the
// transmission (retransmissions included) on the way to the receiver.
type path struct {
	rate  int           // bit/s of the bottleneck
	rtt   time.Duration // without queueing
	queue int           // packets that fit before the bottleneck
	drop  func(n int, r Range) bool
	late  func(n int, r Range) time.Duration
	pause [2]time.Duration // the bottleneck sends nothing from, to
}

// transfer describes what is sent over it.
type transfer struct {
	path
	octets int
	cfg    Config
	gso    int           // segments a super-segment has at most
	limit  time.Duration // give up after this
	onAck  func(*sim)    // called after each ACK
	onTime func(*sim, Timer)
}

// packet is one segment on the wire.
type packet struct {
	r  Range
	ts uint32
}

type event struct {
	at  clock.Time
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

// headerOctets are those of Ethernet, IPv4 and TCP with timestamps.
const headerOctets = 14 + 20 + 32

// peerWindow never limits the sender.
const peerWindow = 64 << 20

const simEpoch = clock.Time(time.Second) // a transfer starts then

var simStart = seq.New(0xffffff00) // so that every transfer wraps around

type sim struct {
	transfer
	s        Sender
	now      clock.Time
	events   events
	nEvents  int
	nPackets int
	busy     clock.Time // the bottleneck serializes until then
	queued   int
	dropped  int
	end      seq.Num // of the data
	rcv      receiver
	done     clock.Time // all acknowledged
	rounds   rounds
	timeouts int
	undos    int
}

func newSim(t transfer) *sim {
	if t.cfg.Algorithm == nil {
		t.cfg.Algorithm = cc.NewCubic()
	}
	if t.cfg.MSS == 0 {
		t.cfg.MSS = 1448
	}
	if t.gso == 0 {
		t.gso = 1
	}
	if t.limit == 0 {
		t.limit = 5 * time.Minute
	}
	m := &sim{transfer: t, now: simEpoch}
	m.end = simStart.Add(t.octets)
	m.rcv = receiver{sim: m, nxt: simStart, lastAck: simStart, sack: t.cfg.SACK}
	m.s.Init(m.now, t.cfg, simStart)
	m.s.SampleRTT(m.now, t.rtt)
	m.s.Established(m.now)
	return m
}

// run transfers everything and returns how long it took.
func (m *sim) run() time.Duration {
	start := m.now
	m.send()
	m.rounds.start(m)
	for m.done == 0 {
		kind, at := m.s.NextTimer()
		if len(m.events) > 0 && (kind == TimerNone || m.events[0].at <= at) {
			e := heap.Pop(&m.events).(event)
			m.now = e.at
			e.do()
		} else if kind != TimerNone {
			m.now = max(m.now, at)
			m.onTimer(kind)
		} else {
			return -1 // stuck
		}
		if m.now.Sub(start) > m.limit {
			return -1
		}
	}
	return m.done.Sub(start)
}

func (m *sim) after(d time.Duration, do func()) {
	m.nEvents++
	heap.Push(&m.events, event{m.now.Add(d), m.nEvents, do})
}

func (m *sim) onTimer(kind Timer) {
	act := m.s.OnTimer(m.now, kind)
	if kind == TimerRTO {
		m.timeouts++
	}
	m.note(act.Outcome)
	if m.onTime != nil {
		m.onTime(m, kind)
	}
	switch {
	case act.Probe && m.unsent() > 0:
		m.sendRange(1)
		m.s.Probed(m.now)
	case act.Probe:
		if r, ok := m.s.TailProbe(); ok {
			m.transmit(r)
			m.s.ProbeRetransmitted(m.now, r)
		}
	default:
		m.retransmit()
		m.send()
	}
}

func (m *sim) note(o Outcome) {
	if o.Undo != WhyNone {
		m.undos++
	}
}

func (m *sim) onAckPacket(a *Ack) {
	a.CanSendNew = m.unsent() > 0
	a.MaxWindow = peerWindow
	res := m.s.Ack(m.now, a)
	m.note(res.Outcome)
	if res.SendNewFirst {
		m.send()
	}
	m.retransmit()
	m.send()
	m.rounds.update(m)
	if m.onAck != nil {
		m.onAck(m)
	}
	if m.s.CC.SndUna == m.end && m.done == 0 {
		m.done = m.now
	}
}

func (m *sim) unsent() int { return m.end.Sub(m.s.CC.SndNxt) }

func (m *sim) retransmit() {
	for {
		r, ok := m.s.NextRetransmit(m.s.CC.SndUna.Add(peerWindow), m.gso)
		if !ok {
			return
		}
		m.transmit(r)
		m.s.Retransmitted(m.now, r)
	}
}

func (m *sim) send() {
	for n := m.s.Budget(); n > 0 && m.unsent() > 0; n = m.s.Budget() {
		m.sendRange(min(n, m.gso))
	}
	m.s.OutputDone(m.now, false)
	m.s.AppLimited(m.unsent())
}

func (m *sim) sendRange(segs int) {
	nxt := m.s.CC.SndNxt
	r := Range{Start: nxt, End: nxt.Add(min(segs*m.s.MSS(), m.unsent())), MSS: m.s.MSS()}
	m.transmit(r)
	m.s.Sent(m.now, r)
}

// transmit puts the segments of r on the wire.
func (m *sim) transmit(r Range) {
	for start := r.Start; start.Before(r.End); start = start.Add(r.MSS) {
		seg := r
		seg.Start, seg.End = start, seq.Min(start.Add(r.MSS), r.End)
		m.transmitSegment(seg)
	}
}

func (m *sim) transmitSegment(r Range) {
	n := m.nPackets
	m.nPackets++
	if m.queued >= m.queue || m.drop != nil && m.drop(n, r) {
		m.dropped++
		return
	}
	m.queued++
	m.busy = m.resumed(max(m.busy, m.now)).Add(m.serialize(r.Len() + headerOctets))
	wait := m.busy.Sub(m.now)
	m.after(wait, func() { m.queued-- })
	delay := m.rtt / 2
	if m.late != nil {
		delay += m.late(n, r)
	}
	p := packet{r, uint32(m.now.Milliseconds())}
	m.after(wait+delay, func() { m.rcv.receive(p) })
}

// resumed returns when the bottleneck can send again.
func (m *sim) resumed(at clock.Time) clock.Time {
	from, to := simEpoch.Add(m.pause[0]), simEpoch.Add(m.pause[1])
	if at.Before(from) {
		return at
	}
	return max(at, to)
}

func (m *sim) serialize(octets int) time.Duration {
	return time.Duration(octets) * 8 * time.Second / time.Duration(m.rate)
}

// rounds records the window once a round trip: when what was sent at the last
// record is acknowledged.
type rounds struct {
	end   seq.Num
	lines []string
}

func (r *rounds) start(m *sim) { r.end = m.s.CC.SndNxt; r.record(m) }

func (r *rounds) update(m *sim) {
	if m.s.CC.SndUna.AtOrAfter(r.end) {
		r.record(m)
		r.end = m.s.CC.SndNxt
	}
}

func (r *rounds) record(m *sim) {
	i := m.s.Info(m.now)
	ssthresh := "-"
	if i.Ssthresh < cc.InfiniteSsthresh {
		ssthresh = fmt.Sprint(i.Ssthresh)
	}
	r.lines = append(r.lines, fmt.Sprintf("%3d %8.3f %-8s cwnd %4d ssthresh %4s lost %4d retrans %4d",
		len(r.lines), m.now.Sub(simEpoch).Seconds(), i.State, i.Cwnd, ssthresh,
		i.LostTotal, i.RetransTotal))
}

func (r *rounds) String() string { return strings.Join(r.lines, "\n") + "\n" }
