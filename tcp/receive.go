package tcp

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/slankdev/ministack/trace"
)

// Segment text (RFC 9293 3.10.7.4 step 7, tcp_data_queue).

// Verdicts of the event tcp.data.
const (
	dataInOrder uint32 = iota
	dataOutOfOrder
	dataDuplicate
	dataBeyond
	dataNoRoom
)

func (c *Conn) segmentText(s *segment, now clock.Time) skb.Reason {
	from, to := s.seq, s.seq.Add(s.len)
	switch {
	case s.end.AtOrBefore(c.rcv.nxt):
		return c.oldData(s, now)
	case from.AtOrAfter(c.rcv.nxt.Add(max(c.receiveWindow(), 1))) && s.len > 0,
		s.len > 0 && c.receiveWindow() == 0:
		return c.beyondWindow(s, now)
	}
	if s.len > 0 {
		c.receiveECN(s)
	}
	if !c.room(s.buf, !from.After(c.rcv.nxt) && c.recvq.bytes == 0) {
		r := c.noRoom(s, now)
		if s.len > 0 || from != c.rcv.nxt { // a bare FIN needs no room, and may be what the reader waits for
			return r
		}
	}
	if from.After(c.rcv.nxt) {
		return c.outOfOrder(s, now)
	}
	if from.Before(c.rcv.nxt) {
		c.dsack(from, c.rcv.nxt)
	}
	c.inOrder(s, to, now)
	return skb.NotDropped
}

// oldData was received before: it is acknowledged at once, and reported.
func (c *Conn) oldData(s *segment, now clock.Time) skb.Reason {
	c.traceData(s, dataDuplicate)
	c.Env().Stat.Inc(stat.TcpExtDelayedACKLost)
	c.enterQuick(maxQuickAcks)
	c.dsack(s.seq, s.end)
	c.ackNow(now)
	return skb.TCPOldData
}

// beyondWindow is data that the window does not take, a zero window's probe
// among it (RFC 9293 3.8.6.1).
func (c *Conn) beyondWindow(s *segment, now clock.Time) skb.Reason {
	c.traceData(s, dataBeyond)
	c.enterQuick(maxQuickAcks)
	c.ackNow(now)
	if c.receiveWindow() == 0 {
		return skb.TCPZeroWindow
	}
	return skb.TCPOverWindow
}

// room sees to it that the receive buffer takes b (tcp_try_rmem_schedule): it
// may be overdrawn by one buffer, and gives up out-of-order data first. The
// first one of an empty queue is only refused where the buffer is full.
func (c *Conn) room(b *skb.Buffer, first bool) bool {
	if c.fits(b, first) {
		return true
	}
	c.Env().Stat.Inc(stat.TcpExtPruneCalled)
	if c.underPressure() {
		c.closeWindow()
	}
	for !c.fits(b, first) {
		last := c.ofo.popLast()
		if last == nil {
			c.Env().Stat.Inc(stat.TcpExtRcvPruned)
			return false
		}
		c.uncharge(last)
		last.Drop(skb.TCPOfoPrune)
		c.ofo.sackForget()
	}
	return true
}

func (c *Conn) fits(b *skb.Buffer, first bool) bool {
	return c.RmemAlloc.Load() <= c.RcvBuf.Load() && c.mayReceive(b.TrueSize(), first)
}

// noRoom drops the segment. The reader is told, who could make room; and where
// it was the next one, the window closes, whatever it was (tcp_data_queue).
func (c *Conn) noRoom(s *segment, now clock.Time) skb.Reason {
	c.traceData(s, dataNoRoom)
	c.ackNow(now)
	c.dataReady()
	if s.seq.After(c.rcv.nxt) {
		return skb.TCPOfoDrop
	}
	c.ack.noRoom = true
	return skb.ProtoMem
}

// inOrder takes a segment that contains RCV.NXT, then what it makes
// contiguous.
func (c *Conn) inOrder(s *segment, to seq.Num, now clock.Time) {
	c.traceData(s, dataInOrder)
	b, fin := s.buf, s.has(FIN)
	b.Pull(s.hdr.Len())
	n, size := b.Len(), b.TrueSize()
	c.measureMSS(s)
	b.Advance(c.rcv.nxt.Sub(s.seq))
	s.buf = nil
	c.enqueue(b, to, s.seq == c.rcv.nxt)
	if n > 0 {
		c.rttFromTimestamp(s, now)
		c.rttFromWindow(now)
		c.dataReceived(now)
		if n >= 128 { // smaller ones say little
			c.growWindow(n, size)
		}
	}
	if fin {
		c.fin(now)
		c.ofoAfterFin()
	}
	c.drainOfo(now)
	c.dataReady()
}

// enqueue appends payload that ends at to, and moves RCV.NXT there. What is
// whole, with nothing old cut off, may be copied into the buffer before it.
func (c *Conn) enqueue(b *skb.Buffer, to seq.Num, whole bool) {
	c.passed.bytesIn += uint64(to.Sub(c.rcv.nxt))
	c.rcv.nxt = to
	if b.Len() == 0 || c.user.orphan { // what comes after SHUT_RD can still be read
		b.Consume()
		return
	}
	copied := whole && c.recvq.coalesce(b)
	if !copied {
		b.Compact()
		c.charge(b)
		c.recvq.push(b)
	}
	if b.Traced {
		c.Env().Trace.Packet(trace.TCPDeliver, b, uint32(b.Len()), uint32(c.recvq.bytes), 0, 0)
	}
	if copied {
		c.Env().Stat.Inc(stat.TcpExtTCPRcvCoalesce)
		b.Consume()
	}
}

// charge books a queued buffer at its true size.
func (c *Conn) charge(b *skb.Buffer) {
	size := b.TrueSize()
	b.CB[cbCharge] = uint32(size)
	c.RmemAlloc.Add(int32(size))
	c.settle()
}

func (c *Conn) uncharge(b *skb.Buffer) { c.free(int(b.CB[cbCharge])) }

// free takes n bytes of what was received off the charge.
func (c *Conn) free(n int) {
	c.RmemAlloc.Add(-int32(n))
	c.settle()
}

// outOfOrder keeps a segment whose turn has not come, and acknowledges at once
// (RFC 5681 4.2).
func (c *Conn) outOfOrder(s *segment, now clock.Time) skb.Reason {
	c.traceData(s, dataOutOfOrder)
	c.Env().Stat.Inc(stat.TcpExtTCPOFOQueue)
	b := s.buf
	c.passed.outOfOrder += uint32(max(1, int(b.GSOSegs)))
	b.Pull(s.hdr.Len())
	c.measureMSS(s)
	if c.ts.sackOK { // without, the window stays, so that the ACKs are duplicates
		c.growWindow(s.len, b.TrueSize())
	}
	b.Compact()
	setCB(b, s.seq, s.end, s.has(FIN))
	c.charge(b)
	kept, dup, isDup := c.disorder().insert(b, func(old *skb.Buffer) {
		c.uncharge(old)
		old.Drop(skb.TCPOfoMerge)
	})
	if isDup {
		c.Env().Stat.Inc(stat.TcpExtTCPDSACKOfoSent)
		c.dsackQuiet(dup.Start, dup.End)
	}
	if c.ts.sackOK {
		c.ofo.sackAdd(s.seq, s.end)
	}
	c.ackDup(now)
	if !kept {
		c.uncharge(b)
		return skb.TCPOfoMerge
	}
	s.buf = nil
	if !c.Waits() && !c.user.orphan { // somebody will read it
		c.growBuffer(int(c.rcv.tune.space))
	}
	return skb.NotDropped
}

// ackDup acknowledges out-of-order data: with SACK once a batch, since the
// blocks tell all; without it each segment, since the sender counts them.
func (c *Conn) ackDup(now clock.Time) {
	if c.ts.sackOK {
		c.ackNow(now)
		return
	}
	c.sendAck()
}

// ackNow has the segment acknowledged at the end of the batch.
func (c *Conn) ackNow(clock.Time) { c.ack.due, c.ack.now = true, true }

// drainOfo moves what has become contiguous to the receive queue
// (tcp_ofo_queue).
func (c *Conn) drainOfo(now clock.Time) {
	if c.ofo.len() == 0 {
		return
	}
	high := c.rcv.nxt
	for b := c.ofo.pop(c.rcv.nxt); b != nil; b = c.ofo.pop(c.rcv.nxt) {
		from, to := cbRange(b)
		c.uncharge(b)
		if from.Before(high) {
			c.dsackQuiet(from, seq.Min(to, high)) // it came twice
		}
		if to.AtOrBefore(c.rcv.nxt) {
			b.Drop(skb.TCPOfoMerge)
			continue
		}
		whole := from == c.rcv.nxt
		trimFront(b, c.rcv.nxt)
		fin := b.CB[cbFin] != 0
		if fin {
			to = to.Add(-1)
		}
		c.enqueue(b, to, whole)
		if fin {
			c.fin(now)
		}
	}
	if c.ofo.len() > 0 {
		c.ofo.sackTrim(c.rcv.nxt)
	} else { // a FIN among it may have ended the connection
		c.ofo.sackForget()
		c.tidy()
	}
	c.ack.now = c.ack.due // a filled gap is acknowledged at once (RFC 5681 4.2)
}

// ofoAfterFin drops what claims to stand behind the end of the stream.
func (c *Conn) ofoAfterFin() {
	for _, b := range c.ofo.all() {
		c.uncharge(b)
	}
	c.ofo.purge(skb.TCPOldData)
	c.ofo.sackForget()
}

// fin is RFC 9293 3.10.7.4 step 8: the peer has sent its last byte.
func (c *Conn) fin(now clock.Time) {
	c.rcv.nxt = c.rcv.nxt.Add(1)
	c.passed.bytesIn++ // the FIN's number, as Linux counts it
	c.rcv.finSeen = true
	c.ack.due = true
	if c.ofo != nil { // the stream is whole
		c.ofo.nsack, c.ofo.hasDsack = 0, false
	}
	switch c.state {
	case Established:
		c.setState(CloseWait)
		c.enterInteractive()
	case FinWait1:
		c.ack.now = true
		c.sendAck()
		c.setState(Closing)
	case FinWait2:
		c.sendAck()
		c.enterTimeWait(now)
	}
	if c.user.orphan {
		return
	}
	events := inet.PollIn | inet.PollRdHup
	if c.user.shutWrite {
		events |= inet.PollHup
	}
	c.Wake(events)
}

// dataReady tells readers (sk_data_ready).
func (c *Conn) dataReady() {
	if c.recvq.bytes > 0 || c.rcv.finSeen {
		c.Wake(inet.PollIn)
	}
}

// dsack notes bytes that came twice (RFC 2883 4).
func (c *Conn) dsack(from, to seq.Num) {
	if c.ts.sackOK && c.m.set.dsack.Bool() {
		c.Env().Stat.Inc(stat.TcpExtTCPDSACKOldSent)
		c.disorder().dsackSet(from, to)
	}
}

// dsackQuiet notes what was found to have come twice when it was sorted in.
func (c *Conn) dsackQuiet(from, to seq.Num) {
	if c.ts.sackOK && c.m.set.dsack.Bool() {
		c.disorder().dsackExtend(from, to)
	}
}

func (c *Conn) traceData(s *segment, verdict uint32) {
	if s.buf.Traced {
		c.Env().Trace.Packet(trace.TCPData, s.buf, verdict, s.seq.Uint32(), uint32(s.len), 0)
	}
}
