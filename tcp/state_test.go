package tcp

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

// TestEveryMoveOfTheDiagramHappens runs connections through every edge between
// the states of RFC 9293 3.3.2 (figure 5) that the table allows, and finds each in the flight
// recorder. Edges into CLOSED by a time-out or an abort are those of the other
// tests' ends.
func TestEveryMoveOfTheDiagramHappens(t *testing.T) {
	seen := map[[2]State]bool{}
	note := func(w *world) {
		for _, h := range []*host{w.a, w.b} {
			for _, r := range h.env.Trace.Flight() {
				if r.Event == trace.TCPState {
					seen[[2]State{State(r.Args[0]), State(r.Args[1])}] = true
				}
			}
		}
	}
	for _, story := range []func(*world){normalClose, simultaneous, crossedOpen, refused, aborts, closesInSynRecv, finInSynRecv, threeWayClose} {
		w := newWorld(t)
		story(w)
		note(w)
	}
	for from, set := range moves {
		for to := range numStates {
			if to.in(set) {
				require.True(t, seen[[2]State{State(from), to}], "%v to %v never happened", State(from), to)
			}
		}
	}
}

const tick = 100 * time.Millisecond

func normalClose(w *world) {
	c, s := w.connect()
	_ = c.Shutdown(inet.ShutWrite)
	w.clk.Run(tick)
	_ = s.Close(nil)
	w.clk.Run(tick)
}

func simultaneous(w *world) {
	c, s := w.connect()
	_ = c.Shutdown(inet.ShutWrite)
	_ = s.Shutdown(inet.ShutWrite)
	w.clk.Run(tick)
}

func crossedOpen(w *world) {
	a, b := w.crossed()
	w.clk.Run(tick)
	_ = a
	_ = b
}

// crossed has both sides open at once.
func (w *world) crossed() (a, b *Conn) {
	a, b = w.a.m.NewSock(), w.b.m.NewSock()
	_ = a.Bind(at(w.a, 1000))
	_ = b.Bind(at(w.b, 2000))
	_ = a.Connect(at(w.b, 2000), hurried())
	_ = b.Connect(at(w.a, 1000), hurried())
	return a, b
}

func refused(w *world) {
	_ = w.a.m.NewSock().Connect(at(w.b, 9), patient())
	l := w.listen(1)
	_ = l.Close(nil)
}

// aborts ends a connection in every state.
func aborts(w *world) {
	l := w.listen(8)
	c, s := w.connectTo(l) // ESTABLISHED
	c.Abort()
	w.clk.Run(tick)
	_ = s
	c, s = w.connectTo(l) // FIN-WAIT-2 and CLOSE-WAIT
	_ = c.Shutdown(inet.ShutWrite)
	w.clk.Run(tick)
	s.Abort()
	w.clk.Run(tick)
	c, _ = w.connectTo(l) // FIN-WAIT-1
	_ = c.Shutdown(inet.ShutWrite)
	c.Abort()
	c, s = w.connectTo(l) // CLOSING
	_ = c.Shutdown(inet.ShutWrite)
	_ = s.Shutdown(inet.ShutWrite)
	w.clk.Run(1500 * time.Microsecond)
	c.Abort()
	w.clk.Run(tick)
	a, _ := w.crossed() // SYN-RECEIVED
	w.clk.Run(1100 * time.Microsecond)
	a.Abort()
	w.clk.Run(tick)
}

// closesInSynRecv closes between SYN and ACK of a simultaneous open.
func closesInSynRecv(w *world) {
	a, _ := w.crossed()
	w.clk.Run(1100 * time.Microsecond)
	_ = a.Close(nil)
	w.clk.Run(tick)
}

// finInSynRecv gets the peer's FIN with the ACK that ends the handshake.
func finInSynRecv(w *world) {
	w.listen(1)
	w.lose = func(s *wireSegment) bool { return s.from == w.a && s.flags&SYN == 0 }
	w.keep = true
	_ = w.dial(80)
	w.clk.Run(10 * time.Millisecond)
	synAck := w.segments(w.b)[0]
	c := &Conn{}
	c.Local, c.Peer = synAck.src, synAck.dst
	raw := make([]byte, HeaderLen+12)
	h := Header(raw)
	h.encode(&fields{src: synAck.dst.Port(), dst: synAck.src.Port(), seq: synAck.ack, ack: synAck.seq.Add(1), flags: FIN | ACK, window: 1000})
	(&optionSpace{ts: true, tsval: 1 << 30, tsecr: synAck.opts.tsval}).put(raw[HeaderLen:])
	w.b.inject(synAck.dst, synAck.src, seal(raw, c))
	w.clk.Run(tick)
}

// threeWayClose has FIN and ACK of FIN in one segment.
func threeWayClose(w *world) {
	c, s := w.connect()
	_ = s.SetOption(OptQuickAck, 0)
	_ = c.Shutdown(inet.ShutWrite)
	w.clk.Run(2 * time.Millisecond)
	_ = s.Shutdown(inet.ShutWrite)
	w.clk.Run(tick)
}

func TestMovesThatTheDiagramDoesNotHavePanic(t *testing.T) {
	w := newWorld(t)
	c := w.a.m.NewSock()
	require.Panics(t, func() { c.setState(FinWait2) })
}

func TestAcceptableIsTable6(t *testing.T) { // RFC 9293 3.10.7.4, table 6
	w := newWorld(t)
	_, s := w.connect()
	nxt, wnd := s.rcv.nxt, s.receiveWindow()
	for _, c := range []struct {
		from, to int // relative to RCV.NXT
		want     bool
	}{
		{0, 0, true}, {0, 100, true}, {-100, 1, true}, {wnd - 1, wnd + 100, true},
		{-100, -50, false}, {wnd + 1, wnd + 2, false},
	} {
		seg := &segment{seq: nxt.Add(c.from), end: nxt.Add(c.to)}
		require.Equal(t, c.want, s.sequence(seg) == skb.NotDropped, "%+v", c)
	}
}
