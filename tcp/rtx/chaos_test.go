package rtx

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// chaos turns octets into calls of a Sender: sending, ACKs with any numbers,
// timers, changes of the segment size. Whatever comes, it must not panic and
// the counters must agree with the queue.
type chaos struct {
	t   testing.TB
	in  []byte
	s   Sender
	now clock.Time
}

func (c *chaos) byte() int {
	if len(c.in) == 0 {
		return 0
	}
	b := c.in[0]
	c.in = c.in[1:]
	return int(b)
}

func (c *chaos) start() {
	bits := c.byte()
	cfg := Config{MSS: 100, SACK: bits&1 == 0, Timestamps: bits&2 == 0, NoTLP: bits&4 != 0,
		NoFRTO: bits&8 != 0, SlowStartAfterIdle: bits&16 != 0, Algorithm: cc.NewCubic()}
	if bits&32 != 0 {
		cfg.Algorithm = cc.NewReno()
	}
	c.now = clock.Time(time.Second)
	start := seq.New(0xffffff00)
	c.s.Init(c.now, cfg, start)
	if bits&64 != 0 {
		c.s.Sent(c.now, Range{Start: start, End: start.Add(1), Flags: SYN})
		return
	}
	c.s.SampleRTT(c.now, 20*time.Millisecond)
	c.s.Established(c.now)
}

func (c *chaos) run() {
	for c.start(); len(c.in) > 0; {
		c.step(c.byte())
		checkInvariants(c.t, &c.s)
	}
	c.s.Release()
	if _, at := c.s.NextTimer(); at != 0 {
		c.t.Fatal("a timer is armed after Release")
	}
}

func (c *chaos) step(op int) {
	switch op % 16 {
	case 0, 1, 2:
		c.send(1 + c.byte()%20)
	case 3, 4, 5, 6, 7, 8:
		c.ack()
	case 9, 10:
		c.retransmit(1 + c.byte()%8)
	case 11:
		c.now = c.now.Add(time.Duration(c.byte()) * time.Millisecond)
	case 12, 13:
		c.timer()
	default:
		c.odd(c.byte())
	}
}

func (c *chaos) send(segs int) {
	nxt := c.s.CC.SndNxt
	r := Range{Start: nxt, End: nxt.Add(segs*c.s.MSS() - c.byte()%c.s.MSS())}
	if c.byte() == 0 {
		r.Flags, r.End = FIN|PSH, r.End.Add(1)
	}
	c.s.Sent(c.now, r)
	c.s.OutputDone(c.now, c.byte()%2 == 0)
}

// point is a sequence number around what is outstanding, mostly inside and at
// a segment boundary.
func (c *chaos) point() seq.Num {
	una, out := c.s.CC.SndUna, c.s.CC.SndNxt.Sub(c.s.CC.SndUna)
	off := c.byte() * 100
	switch c.byte() % 8 {
	case 0:
		return una.Add(c.byte() - 128)
	case 1:
		off += c.byte()
	}
	return una.Add(min(off, out+50))
}

func (c *chaos) ack() {
	bits := c.byte()
	a := Ack{Seq: c.s.CC.SndUna, MaxWindow: 1 << (8 + bits%10), Data: bits&64 != 0 && bits&32 != 0,
		WindowUpdate: c.byte()%8 == 0, ECE: c.byte()%32 == 1, CanSendNew: bits&16 != 0}
	if bits&1 != 0 {
		a.Seq = seq.Min(c.point(), c.s.CC.SndNxt)
	}
	for range c.byte() % 5 {
		a.Blocks = append(a.Blocks, Block{c.point(), c.point()})
	}
	if bits&128 != 0 {
		a.HasTSEcr, a.TSEcr = true, uint32(c.now.Milliseconds())-uint32(c.byte())
	}
	res := c.s.Ack(c.now, &a)
	if res.SendNewFirst && c.byte()%2 == 0 {
		c.send(2)
	}
	if c.s.handshake && res.SynAcked {
		c.s.Established(c.now)
	}
}

func (c *chaos) retransmit(n int) {
	for range n {
		r, ok := c.s.NextRetransmit(c.s.CC.SndUna.Add(c.byte()*100), 1+c.byte()%4)
		if !ok {
			return
		}
		c.s.Retransmitted(c.now, r)
	}
}

func (c *chaos) timer() {
	kind, at := c.s.NextTimer()
	if kind == TimerNone {
		return
	}
	c.now = max(c.now, at)
	act := c.s.OnTimer(c.now, kind)
	if !act.Probe {
		return
	}
	if r, ok := c.s.TailProbe(); ok && c.byte()%2 == 0 {
		c.s.ProbeRetransmitted(c.now, r)
	} else if c.byte()%2 == 0 {
		c.send(1)
		c.s.Probed(c.now)
	}
}

func (c *chaos) odd(op int) {
	switch op % 8 {
	case 0:
		c.s.SetMSS(40 + c.byte())
	case 1:
		c.s.PathMTU(c.now, 40+c.byte())
	case 2:
		c.s.LoseAll(c.now)
	case 3:
		c.s.EnterCWR(c.now)
	case 4:
		c.s.BeforeWrite(c.now, c.byte()*10)
	case 5:
		c.s.Unreachable(c.now)
	case 6:
		c.s.SetAlgorithm(c.now, cc.NewReno())
	case 7:
		c.s.Info(c.now)
	}
}
