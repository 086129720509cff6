package tcp

import (
	"encoding/binary"

	"github.com/slankdev/ministack/clock"
)

// Accurate ECN (RFC 9768): classic ECN can say only that there was congestion
// in a round trip, AccECN says how much. Three header bits, AE, CWR and ECE,
// are one field, ACE: in the handshake it negotiates and reports what became
// of the SYN's and the SYN-ACK's own ECN field; afterwards it is a counter,
// modulo 8, of the packets that arrived with congestion experienced. An option
// counts bytes for each value of the ECN field, so that a sender that hears of
// many packets at once knows whether the counter wrapped.

// Values of net.ipv4.tcp_ecn that concern AccECN.
const (
	accRequest       = 3 // ask for AccECN, and accept it
	accAcceptRequest = 4 // ask for classic ECN, and accept AccECN
	accAccept        = 5 // ask for nothing
)

// Initial counters (RFC 9768 3.2.1): not zero, so that a field that somebody
// cleared is noticed.
const (
	aceInit  = 5
	aceMask  = 7
	e0bInit  = 1
	e1bInit  = 1
	aceBytes = 3 // octets of a counter in the option
	lenACC   = 2 + 3*aceBytes
	lenACCed = lenACC + 1 // with padding

	optAccECN0 = 172 // counters in the order ECT(0), CE, ECT(1) (RFC 9768 3.2.3)
	optAccECN1 = 174 // ECT(1), CE, ECT(0)
)

// accECN is a connection's state. What it received, it reports; what the peer
// reports of what it sent, it decodes.
type accECN struct {
	cep           uint32 // r.cep: packets received with CE
	e0b, ceb, e1b uint32 // bytes received, modulo 2^24
	sentCeb       uint32 // as last reported
	reported      clock.Time

	peerCep  uint32 // s.cep: what the peer has reported
	peerCeb  uint32
	noECT    bool  // the path changes the ECN field: send without
	synField uint8 // of the peer's SYN or SYN-ACK
	feedback bool  // the next segment reports on the handshake
	opening  bool  // the peer's next segment does
}

func newAccECN(synField uint8) *accECN {
	return &accECN{cep: aceInit, e0b: e0bInit, e1b: e1bInit, peerCep: aceInit, synField: synField & ecnMask}
}

// handshakeACE encodes the ECN field of a SYN or SYN-ACK (RFC 9768 table 3).
func handshakeACE(field uint8) uint8 {
	return [4]uint8{ectNone: 0b010, 1: 0b011, ect0: 0b100, ecnCE: 0b110}[field&ecnMask]
}

// ace is the field of a header: AE, CWR, ECE.
func ace(h Header) uint8 {
	v := uint8(h.Flags()&(ECE|CWR)) >> 6
	if h.AE() {
		v |= 4
	}
	return v
}

// setACE puts the field into flags; AE stands apart.
func (f *fields) setACE(v uint8) {
	f.flags = f.flags&^(ECE|CWR) | Flags(v&3)<<6
	f.ae = v&4 != 0
}

// answerAccECN takes the SYN-ACK to a SYN that asked for AccECN (RFC 9768
// 3.1.2): the peer speaks it, or classic ECN, or neither.
func (c *Conn) answerAccECN(s *segment) {
	switch v := ace(s.hdr); v {
	case 0b010, 0b011, 0b100, 0b110:
		c.ecn.acc = newAccECN(s.buf.Net.TOS)
		c.ecn.acc.feedback = true
		c.ecn.acc.noECT = v != 0b010 // our SYN was not ECN-capable: somebody changes the field
	case 0b001, 0b101:
		c.ecn.on = true
	}
}

// requestAccECN reports whether a SYN asks for AccECN and gets it.
func (c *Conn) requestAccECN(s *segment) bool {
	mode := c.m.set.ecn.Get()
	return mode >= accRequest && mode <= accAccept && ace(s.hdr) == aceMask
}

// countAccECN counts an acceptable segment by its ECN field (RFC 9768 3.2.2),
// and has the first marks of a burst acknowledged at once.
func (c *Conn) countAccECN(s *segment) {
	a := c.ecn.acc
	if a == nil || s.has(SYN) {
		return
	}
	n := uint32(s.len)
	switch s.buf.Net.TOS & ecnMask {
	case ecnCE:
		a.cep += uint32(max(1, int(s.buf.GSOSegs)))
		a.ceb += n
		c.ecn.seen = true
		if s.len > 0 {
			c.enterQuick(2)
		}
	case ect0:
		a.e0b += n
		c.ecn.seen = true
	case 1:
		a.e1b += n
		c.ecn.seen = true
	}
}

// decodeAccECN returns how many of the segments that an acknowledgement
// delivered met congestion (RFC 9768 3.2.2.5, appendix A). The counter wraps
// after 8: where more were delivered, the option's bytes decide between the
// least number that fits and the safest.
func (c *Conn) decodeAccECN(s *segment, delivered int) int {
	a := c.ecn.acc
	v := ace(s.hdr)
	if a.opening { // the handshake's last ACK: the fate of our SYN-ACK
		a.opening = false
		if v == handshakeACE(ecnCE) {
			a.peerCep++
			return 1
		}
		a.noECT = v == 0
		return 0
	}
	delta := int(uint32(v)-a.peerCep) & aceMask
	if bytes, ok := c.accOption(s); ok && delivered > aceMask {
		if safe := delivered - (delivered-delta)&aceMask; bytes > safe*c.snd.mss/2 {
			delta = safe
		}
	}
	a.peerCep += uint32(delta)
	return delta
}

// accOption returns how many more bytes the peer's option reports as marked.
func (c *Conn) accOption(s *segment) (int, bool) {
	if !s.hasACC {
		return 0, false
	}
	a := c.ecn.acc
	bytes := int((s.ceb - a.peerCeb) & 0xffffff)
	a.peerCeb = s.ceb
	return bytes, true
}

// sendAccECN sets a segment's ACE field, and adds the option to one without
// data when there is something to report: marks at once, the other counters
// three times a round trip (RFC 9768 3.2.3.3).
func (c *Conn) sendAccECN(f *fields, o *optionSpace, now clock.Time, length int) {
	a := c.ecn.acc
	v := uint8(a.cep & aceMask)
	if a.feedback {
		a.feedback, v = false, handshakeACE(a.synField)
	}
	f.setACE(v)
	fresh := a.ceb != a.sentCeb || now.Sub(a.reported) >= c.tx.RTT.SRTT()/3
	if length > 0 || !fresh || c.m.set.accOption.Get() == 0 || o.size()+lenACCed > maxOptionLen {
		return
	}
	o.acc, o.e0b, o.ceb, o.e1b = true, a.e0b, a.ceb, a.e1b
	a.sentCeb, a.reported = a.ceb, now
}

// accCounters reads the option, which may leave counters out from behind.
func (o *options) accCounters(v []byte) {
	if len(v) >= 2*aceBytes { // CE stands in the middle, whatever the order
		o.hasACC, o.ceb = true, uint24(v[aceBytes:])
	}
}

func uint24(p []byte) uint32 { return uint32(p[0])<<16 | uint32(binary.BigEndian.Uint16(p[1:])) }

func putUint24(p []byte, v uint32) {
	p[0] = byte(v >> 16)
	binary.BigEndian.PutUint16(p[1:], uint16(v))
}

// putAccECN writes the option with its padding.
func (o *optionSpace) putAccECN(p []byte) {
	p[0], p[1] = optAccECN0, lenACC
	putUint24(p[2:], o.e0b)
	putUint24(p[2+aceBytes:], o.ceb)
	putUint24(p[2+2*aceBytes:], o.e1b)
	p[lenACC] = optNop
}
