package tcp

import (
	"sync/atomic"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// TCP small queues (tcp_small_queue_check, tcp_wfree, tcp_tsq_handler). What a
// connection has in the queues below it, the device's above all, is bounded to
// about a millisecond at its pacing rate, and never to less than two
// super-segments. More would only wait there: it would take the room of other
// connections until the queue overflows, and make the round trip look longer
// than the path is. So a connection that has as much stops, and goes on when a
// packet of its own has left.
//
// A packet is charged to its connection until it dies, which is when the driver
// has taken it, in whatever goroutine does that and with its locks held. There
// nothing can be sent: the connection joins a list, which takes no lock, and
// whoever has flushed the devices' queues then has those on the list send
// (netdev.Table.Resume).
//
// A connection with nothing under way, or with one super-segment, is never
// stopped: it needs nobody who remembers it. A pure acknowledgement is not
// charged.
//
// Autocorking (tcp_should_autocork) is the same for small writes: while packets
// of the connection wait below, a write that does not fill a segment is not sent
// but waits for more to join it; the departure of the packets sends it.

// below is what a connection has in the queues below it.
type below struct {
	bytes atomic.Int32 // charged for packets that are not dead
	state atomic.Uint32
	next  *Conn // in the list of those that may go on
}

// States of below.
const (
	flowing   uint32 = iota
	throttled        // waits for a packet to leave (TSQF_THROTTLED)
	listed           // may go on (TSQF_QUEUED)
)

// againFactor says by how many powers of two a retransmission may exceed the limit.
const againFactor = 1

// chargeBelow has b, which carries n octets of payload, count as queued below.
func (c *Conn) chargeBelow(b *skb.Buffer, n int) {
	size := n + pieceOverhead
	c.below.bytes.Add(int32(size))
	b.SetOwner(c, size)
}

// Freed is told that a packet left, or was dropped (tcp_wfree).
func (c *Conn) Freed(size int) {
	c.below.bytes.Add(-int32(size))
	if c.below.state.Load() == throttled && c.below.state.CompareAndSwap(throttled, listed) {
		c.m.resting.push(c)
	}
}

// belowLimit is how much may wait below when n octets are to be sent.
func (c *Conn) belowLimit(n int) int {
	most := c.m.set.limitOutput.Get()
	rate := c.tx.CC.PacingRate
	if rate == 0 || rate>>pacingShift >= uint64(most) {
		return most
	}
	return min(max(2*(n+pieceOverhead), int(rate>>pacingShift)), most)
}

// mustRest reports whether n octets are not to be sent now, and has the
// connection called when a packet has left.
func (c *Conn) mustRest(n int, factor uint) bool {
	limit := int64(c.belowLimit(n)) << factor
	if int64(c.below.bytes.Load()) <= limit || c.tx.Ranges() <= 1 || c.tx.CC.InFlight() <= 0 {
		return false
	}
	c.below.state.CompareAndSwap(flowing, throttled)
	return int64(c.below.bytes.Load()) > limit // the packets may have left before the mark was set
}

// relieved has leave what this call has queued itself, in Linux the device would
// have it, and reports whether the connection may go on. Users' calls only.
func (c *Conn) relieved() bool {
	had := c.below.bytes.Load()
	if had == 0 || c.below.state.Load() != throttled {
		return false
	}
	c.Env().Dev.Flush()
	return c.below.bytes.Load() < had
}

// autocorks reports whether what was written waits for more to join it.
// What this call has queued leaves first. Users' calls only.
func (c *Conn) autocorks() bool {
	tail := c.sizeGoal() - c.tailRoom()
	if tail <= 0 || tail >= c.sizeGoal() || c.tx.CC.PacketsOut == 0 || !c.m.set.autocorking.Bool() {
		return false
	}
	size := int32(tail + pieceOverhead)
	if c.below.bytes.Load() >= size {
		c.Env().Dev.Flush()
	}
	if c.below.bytes.Load() < size { // as Linux, which counts one octet more
		return false
	}
	if c.below.state.CompareAndSwap(flowing, throttled) {
		c.Env().Stat.Inc(stat.TcpExtTCPAutoCorking)
	}
	return c.below.bytes.Load() >= size
}

// resting is the list of connections that may go on. It takes no lock, since
// packets die under many.
type resting struct{ head atomic.Pointer[Conn] }

func (r *resting) push(c *Conn) {
	for {
		c.below.next = r.head.Load()
		if r.head.CompareAndSwap(c.below.next, c) {
			return
		}
	}
}

// take empties the list and returns it in the order in which it was filled.
func (r *resting) take() (first *Conn) {
	for c := r.head.Swap(nil); c != nil; {
		c, c.below.next, first = c.below.next, first, c
	}
	return first
}

// Resume has the connections send whose packets have left (tcp_tsq_workfn), and
// reports whether there were any.
func (m *Module) Resume() bool {
	if m.resting.head.Load() == nil {
		return false
	}
	c := m.resting.take()
	for c != nil {
		next := c.below.next
		c.below.next = nil
		c.below.state.Store(flowing) // from here on it may be listed again
		c.Defer(deferResume)
		c = next
	}
	return true
}

// goOn is tcp_tsq_handler.
func (c *Conn) goOn(now clock.Time) {
	if c.maySend() {
		c.output(now)
	}
}
