package rtx

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// bulk is a connection in steady state with a window of segs segments.
type bulk struct {
	s   Sender
	now clock.Time
	ack Ack
}

func newBulk(segs int, a cc.Algorithm) *bulk {
	b := &bulk{now: clock.Time(time.Second)}
	b.s.Init(b.now, Config{MSS: 1448, SACK: true, Timestamps: true, Algorithm: a, Pool: new(Pool)}, seq.New(1))
	b.s.SampleRTT(b.now, 10*time.Millisecond)
	b.s.Established(b.now)
	b.s.CC.Cwnd, b.s.CC.Ssthresh, b.s.CC.CwndClamp = segs, segs, segs
	b.ack.Blocks = make([]Block, 0, maxBlocks)
	b.ack.MaxWindow = 1 << 30
	b.send()
	return b
}

func (b *bulk) send() {
	for n := b.s.Budget(); n > 0; n = b.s.Budget() {
		nxt := b.s.CC.SndNxt
		b.s.Sent(b.now, Range{Start: nxt, End: nxt.Add(min(n, 2) * 1448)})
	}
	b.s.OutputDone(b.now, false)
}

// acknowledge takes an ACK of two segments and sends two more.
func (b *bulk) acknowledge() {
	b.now = b.now.Add(10 * time.Microsecond)
	b.ack.Seq = b.s.CC.SndUna.Add(2 * 1448)
	b.ack.HasTSEcr, b.ack.TSEcr = true, uint32(b.now.Milliseconds())-10
	b.s.Ack(b.now, &b.ack)
	b.send()
}

// recovery loses the first segment of a window, SACKs the rest one by one,
// retransmits, and acknowledges all.
func (b *bulk) recovery() {
	una, end := b.s.CC.SndUna, b.s.CC.SndNxt
	b.ack.Seq = una
	for at := una.Add(2 * 1448); at.Before(end); at = at.Add(1448) {
		b.now = b.now.Add(10 * time.Microsecond)
		b.ack.Blocks = append(b.ack.Blocks[:0], Block{una.Add(1448), at})
		b.s.Ack(b.now, &b.ack)
		b.retransmit()
		b.send()
	}
	b.ack.Blocks = b.ack.Blocks[:0]
	b.ack.Seq = b.s.CC.SndNxt
	b.now = b.now.Add(10 * time.Millisecond)
	b.s.Ack(b.now, &b.ack)
	b.s.CC.Cwnd = b.s.CC.CwndClamp
	b.send()
}

func (b *bulk) retransmit() {
	for {
		r, ok := b.s.NextRetransmit(b.s.CC.SndUna.Add(1<<30), 16)
		if !ok {
			return
		}
		b.s.Retransmitted(b.now, r)
	}
}

func skipUnderRace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("the race detector allocates, and lets pools forget")
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	skipUnderRace(t)
	for _, a := range []cc.Algorithm{cc.NewCubic(), cc.NewReno()} {
		b := newBulk(1000, a)
		for range 2000 {
			b.acknowledge()
		}
		require.Zero(t, testing.AllocsPerRun(2000, b.acknowledge), a.Name())
	}
}

func TestRecoveryAllocatesNothing(t *testing.T) {
	skipUnderRace(t)
	b := newBulk(200, cc.NewCubic())
	for range 20 {
		b.recovery()
	}
	require.Zero(t, testing.AllocsPerRun(20, b.recovery))
	require.NotZero(t, b.s.Info(b.now).RetransTotal)
}

// A connection that falls idle after every exchange gives the storage back, and
// gets it again without allocation.
func TestExchangeAfterExchangeAllocatesNothing(t *testing.T) {
	skipUnderRace(t)
	b := newBulk(2, cc.NewCubic())
	exchange := func() {
		b.now = b.now.Add(10 * time.Millisecond)
		b.ack.Seq = b.s.CC.SndNxt
		b.s.Ack(b.now, &b.ack)
		if b.s.q.slab != nil {
			t.Fatal("an idle connection holds storage")
		}
		b.send()
	}
	exchange()
	require.Zero(t, testing.AllocsPerRun(100, exchange))
}
