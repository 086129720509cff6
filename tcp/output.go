package tcp

import (
	"errors"
	"net/netip"
	"syscall"
	"time"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/rtx"
	"github.com/slankdev/ministack/tcp/seq"
	"github.com/slankdev/ministack/trace"
)

// Why a segment is sent, for the trace.
const (
	txData uint32 = iota + 1
	txAck
	txSyn
	txFin
	txProbe
	txRtx
)

// output sends what may be sent now: first what is to be sent again, then new
// data (tcp_write_xmit, tcp_xmit_retransmit_queue). All three entries of a
// connection end here.
func (c *Conn) output(now clock.Time) {
	if c.state.in(setOf(Closed, Listen)) {
		return
	}
	c.sendAgain(now)
	c.sendNew(now)
	c.armRtx(now)
}

// sendAgain retransmits what recovery asks for.
func (c *Conn) sendAgain(now clock.Time) {
	for {
		if c.mustPace(now) {
			return
		}
		r, ok := c.tx.NextRetransmit(c.sendWindowEnd(), c.maxSegs())
		if !ok || c.mustRest(r.Len(), againFactor) || !c.transmitAgain(now, r) {
			return
		}
		c.tx.Retransmitted(now, r)
	}
}

// maxSegs is how many full segments one super-segment takes: what leaves at
// the pacing rate within a millisecond, so that a slow path gets no bursts,
// more where the round trip is so short that the bursts do not matter, and
// never less than two (tcp_tso_autosize).
func (c *Conn) maxSegs() int {
	mss := max(c.snd.mss, 1)
	if c.signer() != nil {
		return 1 // each segment has a signature of its own
	}
	most := max((maxGSO-c.m.headers()-maxOptionLen)/mss, 1)
	rate := c.tx.CC.PacingRate
	if rate == 0 || rate >= maxGSO<<pacingShift {
		return most
	}
	octets := int(rate >> pacingShift)
	if shift := c.tx.RTT.MinRTT() / time.Microsecond >> c.m.set.tsoRTTLog.Get(); shift < 32 {
		octets += maxGSO >> shift
	}
	return min(max(octets/mss, c.m.set.minTSOSegs.Get()), most)
}

const pacingShift = 10 // a super-segment is about a millisecond long

// unsent returns the sequence space, FIN included, that was never sent.
func (c *Conn) unsent() int {
	n := c.sendq.end.Sub(c.snd.nxt)
	if c.user.finQueued {
		n++
	}
	return max(n, 0)
}

// sendNew sends new data as far as the congestion window, the peer's window
// and Nagle allow.
func (c *Conn) sendNew(now clock.Time) {
	if !c.maySend() {
		return
	}
	if c.unsent() == 0 { // the window is judged by who has something to send
		c.noteLimit(now, false)
		return
	}
	sent, wait := c.probeMTU(now)
	cwndLimited := false
	for c.unsent() > 0 && !wait {
		budget := c.tx.Budget()
		if budget <= 0 || c.mustPace(now) {
			break
		}
		if wait, cwndLimited = c.defers(now); wait || !c.sendSegment(now, budget) {
			break
		}
		sent = true
	}
	c.noteLimit(now, sent)
	c.tx.OutputDone(now, cwndLimited)
}

// sendUnheld sends new data even where Nagle or TCP_CORK would have it wait:
// what it is to find out about the path does not.
func (c *Conn) sendUnheld(now clock.Time) {
	u := &c.user
	nodelay, cork := u.nodelay, u.cork
	u.nodelay, u.cork = true, false
	c.sendNew(now)
	u.nodelay, u.cork = nodelay, cork
}

// sendSegment sends one segment or super-segment of at most budget segments;
// false if nothing may leave now.
func (c *Conn) sendSegment(now clock.Time, budget int) bool {
	mss := c.currentMSS()
	n, fin := c.plan(mss, min(budget, c.maxSegs()))
	if n == 0 && !fin || c.mustRest(n, 0) {
		return false
	}
	return c.sendRange(now, n, mss, fin)
}

// plan decides how many bytes of payload the next segment takes, and whether
// the FIN goes with them.
func (c *Conn) plan(mss, segs int) (n int, fin bool) {
	data := c.sendq.end.Sub(c.snd.nxt)
	window := c.sendWindowEnd().Sub(c.snd.nxt)
	n = min(data, window, segs*mss)
	fin = n == data && c.user.finQueued
	if n > 0 && n%mss != 0 {
		whole := n - n%mss
		switch {
		case n < data && (whole == 0 || !c.mayBeSmall()): // cut by a window (RFC 9293 3.8.6.2.1)
			n = whole
		case n == data && !fin && !c.mayBeSmall():
			n = whole
		}
	}
	return max(n, 0), fin && n == data && n < window // the FIN takes a number, too
}

// mayBeSmall is Nagle's algorithm in Minshall's form (RFC 9293 3.7.4; tcp(7)
// TCP_NODELAY, TCP_CORK): a small segment waits only while another small one
// is unacknowledged.
func (c *Conn) mayBeSmall() bool {
	if c.user.cork {
		return false
	}
	if c.user.nodelay || c.tx.CC.PacketsOut == 0 {
		return true
	}
	return !(c.snd.lastSmall.After(c.snd.una) && c.snd.lastSmall.AtOrBefore(c.snd.nxt))
}

// sendOne sends one segment whatever the congestion window says, for a probe.
func (c *Conn) sendOne(now clock.Time) bool {
	if !c.maySend() || c.unsent() == 0 || c.sendWindowEnd().AtOrBefore(c.snd.nxt) {
		return false
	}
	mss := c.currentMSS()
	n := min(c.sendq.end.Sub(c.snd.nxt), c.sendWindowEnd().Sub(c.snd.nxt), mss)
	fin := c.user.finQueued && c.snd.nxt.Add(n) == c.sendq.end
	return c.sendRange(now, n, mss, fin)
}

// sendWindowful sends what little the window takes (tcp_write_wakeup).
func (c *Conn) sendWindowful(now clock.Time) bool {
	c.snd.psh = c.snd.nxt.Add(max(min(c.sendq.end.Sub(c.snd.nxt), c.sendWindowEnd().Sub(c.snd.nxt), c.currentMSS()), 0))
	return c.sendOne(now)
}

// sendRange sends n new bytes, and the FIN if fin.
func (c *Conn) sendRange(now clock.Time, n, mss int, fin bool) bool {
	r := rtx.Range{Start: c.snd.nxt, End: c.snd.nxt.Add(n), MSS: mss}
	if c.snd.psh.After(r.Start) && c.snd.psh.AtOrBefore(r.End) {
		r.Flags |= rtx.PSH
	}
	if fin {
		r.Flags |= rtx.FIN
		r.End = r.End.Add(1)
	}
	sent := c.transmit(now, &r, txData)
	if sent == 0 {
		return false
	}
	if sent < n { // more pieces than a buffer can reference
		r.End = r.Start.Add(sent)
		r.Flags = 0
	}
	c.snd.nxt, c.refused = r.End, 0
	if n%mss != 0 {
		c.snd.lastSmall = r.End
	}
	c.snd.lastSent = now
	c.dataSent(now)
	c.tx.Sent(now, r)
	return true
}

// transmitAgain sends a range that was sent before, and reports whether it
// left.
func (c *Conn) transmitAgain(now clock.Time, r rtx.Range) bool {
	if r.Flags&rtx.SYN != 0 {
		if c.fo != nil {
			c.fo.again = true
		}
		return c.transmitSyn(now)
	}
	sent := c.transmit(now, &r, txRtx)
	if sent == 0 {
		return false
	}
	st := c.Env().Stat
	st.Add(stat.TcpRetransSegs, r.Segs())
	c.Env().Trace.Slow(trace.TCPRtx, c.ID, c.cause, [4]uint32{uint32(r.Why), r.Start.Uint32(), uint32(r.Len())})
	return true
}

// transmit builds and sends the range r and returns how much of its payload,
// or of its FIN alone, left: 0 if nothing did.
func (c *Conn) transmit(now clock.Time, r *rtx.Range, why uint32) int {
	n := r.Len()
	b := c.Env().Pool.New(0)
	sent := n
	if n > 0 {
		if sent = c.sendq.attach(b, r.Start, n); sent == 0 {
			b.Drop(skb.NoMem)
			return 0
		}
	}
	flags := ACK
	if r.Flags&rtx.PSH != 0 && sent == n {
		flags |= PSH
	}
	if r.Flags&rtx.FIN != 0 && sent == n {
		flags |= FIN
	}
	if sent > r.MSS {
		flags |= PSH // the receiver need not wait for more to join to it
		b.GSO, b.GSOSize, b.GSOSegs = skb.GSOTCPv4, uint16(r.MSS), uint16((sent+r.MSS-1)/r.MSS)
	}
	c.chargeBelow(b, sent)
	if !c.send(now, b, r.Start, flags, why) { // the queue of our own device is full
		if why != txRtx {
			c.refused = max(c.refused, 1)
			c.tx.EnterCWR(now) // tcp_enter_cwr
			return 0
		}
		c.Env().Stat.Inc(stat.TcpExtTCPRetransFail)
	}
	c.paced(now, sent, max(1, (sent+r.MSS-1)/max(r.MSS, 1)))
	return max(sent, 1)
}

// send puts the header before the payload in b and hands it to the network.
// Every segment of a synchronized connection passes here.
func (c *Conn) send(now clock.Time, b *skb.Buffer, sq seq.Num, flags Flags, why uint32) bool {
	var o optionSpace
	c.fillOptions(&o, now)
	f := fields{src: c.Local.Port(), dst: c.Peer.Port(), seq: sq, ack: c.rcv.nxt, flags: flags, window: c.selectWindow()}
	if c.snd.urgent && c.snd.up.After(sq) {
		f.flags |= URG
		f.urgent = uint16(min(c.snd.up.Sub(sq), 65535))
	}
	segs := max(1, int(b.GSOSegs))
	length := b.Len()
	field, marks := c.sendECN(length, why)
	f.flags |= marks
	if c.ecn.acc != nil {
		c.sendAccECN(&f, &o, now, length)
	}
	putHeader(b, &f, &o)
	c.ackSent()
	c.Env().Stat.Add(stat.TcpOutSegs, segs)
	c.passed.out(segs, length)
	if length > 0 {
		c.Env().Stat.Add(stat.TcpExtTCPOrigDataSent, segs)
	}
	return c.hand(b, why, field)
}

// hand finishes a built segment and gives it to the network layer, with the
// ECN field given. It reports false where the device's queue is full.
func (c *Conn) hand(b *skb.Buffer, why uint32, ecn uint8) bool {
	env := c.Env()
	b.Cause = c.cause
	sealSegment(b, c.Local.Addr(), c.Peer.Addr())
	env.Trace.MarkSent(b, c.Local.Addr(), c.Peer.Addr(), inet.ProtoTCP)
	if b.Traced {
		h := Header(b.Data())
		env.Trace.Packet(trace.TCPTx, b, why<<24|uint32(h.Flags())<<16|uint32(h.Window()), h.Seq().Uint32(), h.Ack().Uint32(), c.portPair())
	}
	r, err := c.checkRoute()
	if err != nil {
		b.Drop(skb.IPOutNoRoutes)
		c.noteSoft(err)
		return true // as if it were lost: the timer tries again
	}
	err = c.m.net.Output(b, r, c.networkHeader(ecn))
	if err == syscall.ENOBUFS {
		return false
	}
	if err != nil {
		c.noteSoft(err)
	}
	return true
}

// networkHeader returns what the network is to be told of a segment with the ECN
// field given. It is passed by reference to an interface, so it can stand on no
// stack; connections share those without a TTL of their own.
func (c *Conn) networkHeader(ecn uint8) *inet.Header {
	tos, df := c.Options.TOS|ecn, c.Options.MTUDiscover != inet.PMTUDont
	if c.Options.TTL != 0 {
		h := &c.own().header
		*h = inet.Header{Proto: inet.ProtoTCP, TTL: c.Options.TTL, TOS: tos, DF: df}
		return h
	}
	slot := &c.m.shared.headers[toInt(df)][tos]
	h := slot.Load()
	if h == nil {
		h = &inet.Header{Proto: inet.ProtoTCP, TOS: tos, DF: df}
		slot.Store(h)
	}
	return h
}

func (c *Conn) noteSoft(err error) {
	var e syscall.Errno
	if errors.As(err, &e) {
		c.SetSoftError(e)
	}
}

// putHeader pushes a TCP header with its options before the payload.
func putHeader(b *skb.Buffer, f *fields, o *optionSpace) {
	h := Header(b.Push(HeaderLen + o.size()))
	h.encode(f)
	o.put(h[HeaderLen:])
	if o.sig != nil {
		o.sig.sign(b, h)
	}
}

// sealSegment marks the transport header and leaves the checksum to the device
// (CHECKSUM_PARTIAL): the field holds the sum of the pseudo-header.
func sealSegment(b *skb.Buffer, src, dst netip.Addr) {
	b.SetTransport()
	h := Header(b.Data())
	sum := checksum.PseudoHeader(src, dst, inet.ProtoTCP, b.Len())
	h[offChecksum], h[offChecksum+1] = byte(sum>>8), byte(sum)
	b.Csum, b.CsumOffset = skb.CsumPartial, offChecksum
}

// fillOptions are the options of a segment outside the handshake.
func (c *Conn) fillOptions(o *optionSpace, now clock.Time) {
	o.sig = c.signer()
	if c.ts.on {
		o.ts, o.tsval, o.tsecr = true, c.timestampNow(now), c.ts.recent
	}
	if n := c.sackCount(); n > 0 {
		o.nsack = len(c.ofo.blocks(o.sack[:0], n))
	}
}

// timestampNow is TSval: milliseconds with the connection's offset (RFC 7323
// 5.4).
func (c *Conn) timestampNow(now clock.Time) uint32 {
	return uint32(now.Milliseconds()) + c.ts.offset
}

// sendAck sends a segment without data now (tcp_send_ack).
func (c *Conn) sendAck() {
	if c.state.in(setOf(Closed, Listen, SynSent)) {
		return
	}
	now := c.Env().Clock.Now()
	c.send(now, c.Env().Pool.New(0), c.acceptableSeq(), ACK, txAck)
}

// sendOldSequence sends what the peer must answer: a segment without data
// whose sequence number lies before the window (tcp_xmit_probe_skb).
func (c *Conn) sendOldSequence() bool {
	return c.send(c.Env().Clock.Now(), c.Env().Pool.New(0), c.snd.una.Add(-1), ACK, txProbe)
}
