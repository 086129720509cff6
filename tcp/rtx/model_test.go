package rtx

import (
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// model is loss recovery's memory as plainly as it can be written: a list of
// single segments, walked from end to end for every event. What it knows
// independently of the Sender: which segments are outstanding, which are
// SACKed, which RACK must have found lost.
type model struct {
	t    *testing.T
	rnd  *rand.Rand
	s    Sender
	now  clock.Time
	segs []modelSegment
}

type modelSegment struct {
	Block
	sacked, resent, lost bool
	sentAt               clock.Time
}

const modelMSS = 100

func newModel(t *testing.T, seed int64) *model {
	m := &model{t: t, rnd: rand.New(rand.NewSource(seed)), now: clock.Time(time.Second)}
	start := seq.New(0xfffff000)
	m.s.Init(m.now, Config{MSS: modelMSS, SACK: true, NoFRTO: true, NoCollapse: true,
		Algorithm: cc.NewCubic()}, start)
	m.s.SampleRTT(m.now, 20*time.Millisecond)
	m.s.Established(m.now)
	return m
}

// send transmits up to 20 segments as one range; the last may be short.
func (m *model) send() {
	n := 1 + m.rnd.Intn(20)
	octets := n*modelMSS - m.rnd.Intn(3)*m.rnd.Intn(modelMSS/2)
	nxt := m.s.CC.SndNxt
	end := nxt.Add(octets)
	for at := nxt; at.Before(end); at = at.Add(modelMSS) {
		m.segs = append(m.segs, modelSegment{Block: Block{at, seq.Min(at.Add(modelMSS), end)}, sentAt: m.now})
	}
	m.s.Sent(m.now, Range{Start: nxt, End: end})
	m.s.OutputDone(m.now, false)
}

// boundary is where a segment ends.
func (m *model) boundary() seq.Num {
	if len(m.segs) == 0 {
		return m.s.CC.SndUna
	}
	return m.segs[m.rnd.Intn(len(m.segs))].End
}

// edge is a boundary, or a point near one.
func (m *model) edge() seq.Num {
	if m.rnd.Intn(4) == 0 {
		return m.boundary().Add(m.rnd.Intn(60) - 30)
	}
	return m.boundary()
}

func (m *model) ack() {
	una := m.s.CC.SndUna
	a := Ack{Seq: una, MaxWindow: 1 << 20}
	if m.rnd.Intn(3) == 0 {
		a.Seq = seq.Max(m.boundary(), una)
		if m.rnd.Intn(4) != 0 { // as a receiver would, up to a hole
			a.Seq = m.firstHole(a.Seq)
		}
	}
	for range m.rnd.Intn(4) {
		b := Block{m.edge(), m.edge()}
		if b.Start.After(a.Seq) { // no DSACK: only what is new
			a.Blocks = append(a.Blocks, b)
		}
	}
	if len(a.Blocks) > 1 { // nor one inside another
		a.Blocks = a.Blocks[:1]
	}
	m.s.Ack(m.now, &a)
	m.apply(&a)
}

// firstHole moves an ACK on over what was SACKed.
func (m *model) firstHole(at seq.Num) seq.Num {
	for _, g := range m.segs {
		if g.sacked && g.Start.AtOrBefore(at) && g.End.After(at) {
			at = g.End
		}
	}
	return at
}

// apply is RFC 2018 and cumulative acknowledgement for single segments.
func (m *model) apply(a *Ack) {
	snd := m.s.CC.SndNxt
	var left []modelSegment
	for _, g := range m.segs {
		if g.End.AtOrBefore(a.Seq) {
			continue
		}
		for _, b := range a.Blocks {
			valid := b.Start.Before(b.End) && b.End.AtOrBefore(snd) && b.Start.After(a.Seq)
			if valid && b.Start.AtOrBefore(g.Start) && b.End.AtOrAfter(g.End) {
				g.sacked, g.lost = true, false
			}
		}
		left = append(left, g)
	}
	m.segs = left
}

func (m *model) retransmit() {
	for {
		r, ok := m.s.NextRetransmit(m.s.CC.SndUna.Add(1<<20), 1+m.rnd.Intn(5))
		if !ok {
			return
		}
		m.s.Retransmitted(m.now, r)
		for i := range m.segs {
			if g := &m.segs[i]; g.Start.Before(r.End) && g.End.After(r.Start) {
				require.False(m.t, g.sacked, "retransmitted what is SACKed")
				g.sentAt, g.resent = m.now, true
			}
		}
	}
}

func (m *model) timer() {
	kind, at := m.s.NextTimer()
	if kind == TimerNone {
		return
	}
	m.now = max(m.now, at)
	reneged := kind == TimerRTO && len(m.segs) > 0 && m.segs[0].sacked
	act := m.s.OnTimer(m.now, kind)
	if reneged {
		for i := range m.segs {
			m.segs[i].sacked = false
		}
	}
	if act.Probe {
		m.send()
		m.s.Probed(m.now)
	}
}

// check compares segment by segment.
func (m *model) check() {
	checkInvariants(m.t, &m.s)
	sackedOut := 0
	for _, g := range m.segs {
		n := m.s.q.at(m.s.q.find(g.Start))
		require.Equal(m.t, g.sacked, n.has(sacked), "segment at %d", g.Start.Uint32())
		require.Equal(m.t, g.sentAt, n.sentAt, "transmission of %d", g.Start.Uint32())
		require.Equal(m.t, g.resent, n.has(ever), "retransmission of %d", g.Start.Uint32())
		if g.sacked {
			sackedOut++
		}
	}
	require.Equal(m.t, len(m.segs), m.s.CC.PacketsOut)
	require.Equal(m.t, sackedOut, m.s.CC.SackedOut)
}

// overdue checks RFC 8985 6.2 step 5 after a delivery, whichever window was used:
// no segment is in flight that was sent before the latest one delivered, and
// longer ago than RACK.rtt and the widest reordering window.
func (m *model) overdue() {
	r := &m.s.rack
	wnd := min(m.s.CC.MinRTT/4*time.Duration(r.steps), m.s.CC.SRTT)
	for i := range m.s.q.len() {
		n := m.s.q.at(i)
		if n.has(sacked) || n.tags&(lost|retrans) == lost || n.list == noList {
			continue
		}
		old := sentAfter(r.sent, n.sentAt, r.end, n.end) && m.now.Sub(n.sentAt) >= r.rtt+wnd
		require.False(m.t, old && !r.advanced, "RACK overlooked the segment at %d", n.start.Uint32())
	}
}

func (m *model) step() {
	m.now = m.now.Add(time.Duration(1+m.rnd.Intn(3000)) * time.Microsecond)
	switch m.rnd.Intn(10) {
	case 0, 1, 2:
		if len(m.segs) < 300 {
			m.send()
		}
	case 3, 4, 5, 6, 7:
		sent := m.s.rack.sent
		m.ack()
		if m.s.rack.sent != sent {
			m.overdue()
		}
	case 8:
		m.retransmit()
	case 9:
		if m.rnd.Intn(4) == 0 {
			m.timer()
		}
	}
}

// Random sends, ACKs, SACKs, retransmissions and timeouts leave the scoreboard
// as the plain model has it.
func TestScoreboardEqualsANaiveModel(t *testing.T) {
	seeds := int64(60)
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		m := newModel(t, seed)
		for range 400 {
			m.step()
			m.check()
		}
	}
}
