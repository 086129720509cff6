package rtx

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// script drives a Sender step by step, as a packet script does: the first
// octet of data is 1, time moves only by pass and timers fire on the way. What
// is transmitted is logged as "first:next" with adjoining ranges joined.
type script struct {
	t      *testing.T
	s      Sender
	now    clock.Time
	unsent int
	wnd    int // the peer's
	gso    int
	log    []Range
	last   Result
	action Action
	stall  bool // transmit nothing
}

const ms = time.Millisecond

// newScript is a connection that a peer has just opened with a round trip of
// 100 ms, MSS 1000 unless cfg says otherwise.
func newScript(t *testing.T, cfg Config) *script {
	if cfg.MSS == 0 {
		cfg.MSS = 1000
	}
	if cfg.Algorithm == nil {
		cfg.Algorithm = cc.NewCubic()
	}
	c := &script{t: t, now: clock.Time(time.Second), wnd: 1 << 20, gso: 64}
	c.s.Init(c.now, cfg, seq.New(1))
	c.s.SampleRTT(c.now, 100*ms)
	c.s.Established(c.now)
	return c
}

// write hands over octets of data and sends what the window allows.
func (c *script) write(octets int) {
	c.s.BeforeWrite(c.now, c.unsent)
	c.unsent += octets
	c.send()
}

// finish sends FIN behind the data.
func (c *script) finish() {
	nxt := c.s.CC.SndNxt
	c.sent(Range{Start: nxt, End: nxt.Add(1), Flags: FIN})
	c.s.OutputDone(c.now, false)
}

func (c *script) wndEnd() seq.Num { return c.s.CC.SndUna.Add(c.wnd) }

func (c *script) sendable() int { return min(c.unsent, c.wndEnd().Sub(c.s.CC.SndNxt)) }

func (c *script) send() {
	for !c.stall && c.sendable() > 0 && c.s.Budget() > 0 {
		c.sendSegs(min(c.s.Budget(), c.gso))
	}
	c.s.OutputDone(c.now, false)
}

func (c *script) sendSegs(segs int) {
	n := min(c.sendable(), segs*c.s.MSS())
	nxt := c.s.CC.SndNxt
	r := Range{Start: nxt, End: nxt.Add(n)}
	if c.unsent -= n; c.unsent == 0 {
		r.Flags = PSH
	}
	c.sent(r)
}

func (c *script) sent(r Range) {
	c.log = append(c.log, r)
	c.s.Sent(c.now, r)
}

func (c *script) retransmit() {
	for !c.stall {
		r, ok := c.s.NextRetransmit(c.wndEnd(), c.gso)
		if !ok {
			return
		}
		c.log = append(c.log, r)
		c.s.Retransmitted(c.now, r)
	}
}

// pass lets time go by.
func (c *script) pass(d time.Duration) {
	end := c.now.Add(d)
	for {
		kind, at := c.s.NextTimer()
		if kind == TimerNone || at.After(end) {
			break
		}
		c.now = max(c.now, at)
		c.fire(kind)
	}
	c.now = end
}

func (c *script) fire(kind Timer) {
	c.action = c.s.OnTimer(c.now, kind)
	switch {
	case c.action.Probe && c.sendable() > 0:
		c.sendSegs(1)
		c.s.Probed(c.now)
	case c.action.Probe:
		if r, ok := c.s.TailProbe(); ok {
			c.log = append(c.log, r)
			c.s.ProbeRetransmitted(c.now, r)
		}
	default:
		c.retransmit()
		c.send()
	}
}

// ack is a pure acknowledgement of everything before n; sacks are pairs of
// block edges.
func (c *script) ack(n int, sacks ...int) Result { return c.input(&Ack{}, n, sacks...) }

// tsAck echoes the timestamp of what was sent at the given time.
func (c *script) tsAck(sentAt clock.Time, n int, sacks ...int) Result {
	return c.input(&Ack{TSEcr: uint32(sentAt.Milliseconds()), HasTSEcr: true}, n, sacks...)
}

func (c *script) input(a *Ack, n int, sacks ...int) Result {
	a.Seq = seq.New(uint32(n))
	for i := 0; i+1 < len(sacks); i += 2 {
		a.Blocks = append(a.Blocks, Block{seq.New(uint32(sacks[i])), seq.New(uint32(sacks[i+1]))})
	}
	a.MaxWindow = c.wnd
	a.CanSendNew = c.sendable() > 0
	c.last = c.s.Ack(c.now, a)
	if c.last.SendNewFirst {
		c.send()
	}
	c.retransmit()
	c.send()
	checkInvariants(c.t, &c.s)
	return c.last
}

// sends asserts what was transmitted since the last time it was asked.
func (c *script) sends(want string) {
	c.t.Helper()
	var got []string
	for i := 0; i < len(c.log); i++ {
		r := c.log[i]
		for i+1 < len(c.log) && c.log[i+1].Start == r.End {
			i++
			r.End = c.log[i].End
		}
		got = append(got, r.rangeString())
	}
	c.log = nil
	require.Equal(c.t, want, strings.Join(got, " "), "transmitted")
}

// window asserts cwnd and ssthresh.
func (c *script) window(cwnd, ssthresh int) {
	c.t.Helper()
	require.Equal(c.t, [2]int{cwnd, ssthresh}, [2]int{c.s.CC.Cwnd, c.s.CC.Ssthresh}, "cwnd, ssthresh")
}

// counts asserts the scoreboard: packets out, SACKed, lost, retransmitted.
func (c *script) counts(out, sacked, lost, retrans int) {
	c.t.Helper()
	st := &c.s.CC
	require.Equal(c.t, [4]int{out, sacked, lost, retrans},
		[4]int{st.PacketsOut, st.SackedOut, st.LostOut, st.RetransOut}, "out, sacked, lost, retrans")
}

func (c *script) state(want cc.CAState) {
	c.t.Helper()
	require.Equal(c.t, want, c.s.CC.CA)
}

// timer asserts what the timer is armed for, and in how long.
func (c *script) timer(kind Timer, in time.Duration) {
	c.t.Helper()
	got, at := c.s.NextTimer()
	require.Equal(c.t, kind, got)
	if kind != TimerNone {
		require.Equal(c.t, in, at.Sub(c.now))
	}
}

func (r Range) rangeString() string {
	return fmt.Sprintf("%d:%d", r.Start.Uint32(), r.End.Uint32())
}
