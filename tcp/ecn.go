package tcp

import (
	"github.com/slankdev/ministack/tcp/cc"
)

// Explicit congestion notification (RFC 3168): a router that is congested
// marks a packet instead of dropping it, the receiver echoes the mark (ECE)
// until the sender says that it has reduced its window (CWR). Both ends agree
// in the handshake; only new data is sent as ECN-capable (6.1.1, 6.1.4,
// 6.1.5). The sender's reduction is in tcp/rtx.

// Values of net.ipv4.tcp_ecn.
const (
	ecnOff     = 0
	ecnRequest = 1 // ask for it, and accept it
	ecnAccept  = 2
)

// The ECN field of the IP header (RFC 3168 5).
const (
	ectNone = 0
	ect0    = 2
	ecnCE   = 3
	ecnMask = 3
)

// ecnState is a connection's.
type ecnState struct {
	offered bool    // our SYN asked for it
	on      bool    // negotiated
	echo    bool    // CE came: every segment has ECE until the peer's CWR
	seen    bool    // an ECN-capable packet came
	acc     *accECN // of a connection with AccECN
}

// capable reports whether both ends agreed on either kind.
func (e *ecnState) capable() bool { return e.on || e.acc != nil }

// offerECN returns the flags of a SYN, and AE. One that is sent again does without: a
// middlebox may have dropped the first for them (RFC 3168 6.1.1.1).
func (c *Conn) offerECN() (f Flags, ae bool) {
	mode := c.m.set.ecn.Get()
	asks := mode == ecnRequest || mode == accRequest || mode == accAcceptRequest || c.wantsECN()
	again := c.tx.Retransmits() > 0 && c.m.set.ecnFallback.Bool()
	c.ecn.offered = asks && !again
	if c.ecn.offered {
		return ECE | CWR, mode == accRequest
	}
	return 0, false
}

// wantsECN reports whether the congestion control cannot do without.
func (c *Conn) wantsECN() bool { return cc.NeedsECN(c.m.congestion, c.user.congestion) }

// answerECN takes the peer's SYN-ACK (RFC 3168 6.1.1): ECE without CWR agrees.
func (c *Conn) answerECN(s *segment) {
	if c.ecn.offered && s.has(ACK) && c.m.set.ecn.Get() == accRequest {
		c.answerAccECN(s)
		return
	}
	c.ecn.on = c.ecn.offered && s.has(ECE) && !s.has(CWR)
	if !s.has(ACK) { // simultaneous open
		c.ecn.on = c.ecn.offered && s.has(ECE) && s.has(CWR)
	}
}

// requestECN decides whether a SYN's wish is granted. A SYN that is itself
// ECN-capable breaks the rules; it comes from a box that rewrites the field.
func (c *Conn) requestECN(s *segment) bool {
	if !s.has(ECE) || !s.has(CWR) {
		return false
	}
	if s.hdr.AE() { // whoever asks for AccECN takes classic ECN, too
		return c.m.set.ecn.Get() != ecnOff
	}
	return c.m.set.ecn.Get() != ecnOff && s.buf.Net.TOS&ecnMask == ectNone || c.wantsECN()
}

// receiveECN notes the ECN field of a data segment, and the peer's CWR
// (RFC 3168 6.1.3). That there are marks is noted where none were agreed upon,
// too.
func (c *Conn) receiveECN(s *segment) {
	field := s.buf.Net.TOS & ecnMask
	if !c.ecn.on {
		c.ecn.seen = c.ecn.seen || field != ectNone
		return
	}
	if s.has(CWR) {
		c.ecn.echo = false
		c.ack.now = true // the peer's window may be down to one segment
	}
	switch field {
	case ectNone:
		if c.ecn.seen { // most likely a retransmission
			c.quickForMark()
		}
		return
	case ecnCE:
		c.ecnMark(true)
		if !c.ecn.echo {
			c.quickForMark()
			c.ecn.echo = true
		}
	default:
		c.ecnMark(false)
	}
	c.ecn.seen = true
}

// quickForMark acknowledges at once for two segments, or for as many as the
// first data of a connection is to have.
func (c *Conn) quickForMark() {
	c.firstData()
	c.enterQuick(2)
}

// ecnMark tells a congestion control that counts marks of each change: what
// was received before it is acknowledged apart (RFC 8257 3.2).
func (c *Conn) ecnMark(ce bool) {
	r, ok := c.tx.Algorithm().(cc.MarkReceiver)
	if !ok {
		return
	}
	changed, echo := r.Marked(ce)
	if changed && c.ack.due {
		c.sendAck()
	}
	c.ecn.echo = echo
}

// sendECN returns the ECN field and the flags of a segment that leaves: only
// new data is ECN-capable, and carries CWR.
func (c *Conn) sendECN(length int, why uint32) (field uint8, flags Flags) {
	if c.ecn.acc != nil && !c.ecn.acc.noECT && length > 0 && (why == txData || why == txFin) {
		return ect0, 0
	}
	if !c.ecn.on {
		return ectNone, 0
	}
	if c.ecn.echo {
		flags |= ECE
	}
	switch {
	case length > 0 && (why == txData || why == txFin):
		field = ect0
		if c.tx.TakeCWR() {
			flags |= CWR
		}
	case c.wantsECN():
		field = ect0
	}
	return field, flags
}
