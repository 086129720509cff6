package rtx

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/seq"
)

// Budget returns how many segments of new data may leave now as one
// super-segment; it is to be asked again after each. It counts segments, not
// octets, as Linux does, and SACKed segments have left the network, which is
// limited transmit (RFC 3042) and more. At most half of the window goes at
// once: a receiver that joins what comes together acknowledges a flight in two
// parts at least, and the loss of one acknowledgement does not stop everything
// (tcp_cwnd_test).
func (s *Sender) Budget() int {
	return max(min(s.CC.Cwnd-s.CC.InFlight(), max(s.CC.Cwnd/2, 1)), 0)
}

// Sent records that r, starting at SND.NXT, was transmitted the first time.
func (s *Sender) Sent(now clock.Time, r Range) {
	s.CC.Now = now
	if r.MSS == 0 {
		r.MSS = s.CC.MSS
	}
	s.transmitted(r.Len())
	first := s.CC.PacketsOut == 0
	n := node{start: r.Start, end: r.End, mss: uint16(r.MSS), segs: int32(r.Segs()),
		flags: r.Flags, sentAt: now}
	s.stampRate(&n)
	s.q.push(s.cfg.Pool, n)
	s.burst = true
	s.CC.SndNxt = r.End
	s.CC.PacketsOut += int(n.segs)
	if s.CC.InReduction() {
		s.prr.out += n.segs
	}
	if r.Flags&SYN != 0 { // until it is acknowledged, the episode is the handshake
		s.handshake = true
		s.undo.stamp, s.undo.hasStamp = now, true
	}
	if first || s.timer == TimerTLP {
		s.rearmRTO()
	}
}

// transmitted does what every transmission of payload entails.
func (s *Sender) transmitted(octets int) {
	if octets == 0 {
		return
	}
	if s.CC.InFlight() == 0 {
		s.alg.CwndEvent(&s.CC, cc.EventTxStart)
	}
	s.CC.LastSent = s.CC.Now
	s.total.bytesSent += uint64(octets)
}

// NextRetransmit returns what to retransmit now, if there is anything lost and
// the window allows it. It has at most maxSegs segments and ends within the
// peer's window (wndEnd = SND.UNA+SND.WND), except that the first segment may
// always be sent: it serves as a window probe.
func (s *Sender) NextRetransmit(wndEnd seq.Num, maxSegs int) (Range, bool) {
	budget := min(s.CC.Cwnd-s.CC.InFlight(), maxSegs)
	if budget <= 0 || !s.mayRetransmit() || s.CC.RetransOut >= s.CC.LostOut {
		return Range{}, false
	}
	pos, ok := s.nextLost()
	if !ok {
		return Range{}, false
	}
	return s.prepare(pos, budget, wndEnd)
}

// mayRetransmit applies what the last event decided. After a timeout F-RTO
// wants new data sent instead of the next retransmission; if the connection
// could send none, conventional recovery goes on (RFC 5682 3.1 step 2b).
func (s *Sender) mayRetransmit() bool {
	if s.rexmit == rexmitNew && !s.CC.SndNxt.After(s.CC.HighSeq) {
		s.rto.frto = false
		s.rexmit = rexmitLost
	}
	return s.rexmit == rexmitLost
}

// nextLost finds the first range that is lost and not retransmitted. Before
// the hint there is none.
func (s *Sender) nextLost() (int, bool) {
	for pos := s.q.find(s.board.hint); pos < s.q.len(); pos++ {
		n := s.q.at(pos)
		if n.tags&(lost|retrans) == lost {
			s.board.hint = n.start
			return pos, true
		}
	}
	s.board.hint = s.CC.SndNxt
	return 0, false
}

// prepare cuts the range at pos to what may be sent of it.
func (s *Sender) prepare(pos, segs int, wndEnd seq.Num) (Range, bool) {
	mss := s.CC.MSS
	s.trim(s.q.at(pos))
	n := s.q.at(pos)
	room := wndEnd.Sub(n.start)
	if room <= 0 {
		if n.start != s.CC.SndUna {
			return Range{}, false
		}
		room = mss
	}
	octets := min(segs*mss, room)
	if octets > mss {
		octets -= octets % mss
	}
	if n.len() > octets {
		s.split(pos, octets, mss)
	} else {
		s.resegment(n, mss)
		s.collapse(pos, min(room, mss))
	}
	r := s.q.at(pos).rng()
	r.Why = s.whyRetransmit()
	return r, true
}

// trim drops what was acknowledged of a range's first segment.
func (s *Sender) trim(n *node) {
	if n.start.Before(s.CC.SndUna) {
		n.start = s.CC.SndUna
		n.flags &^= SYN
		s.resegment(n, int(n.mss))
	}
}

// collapse joins small segments into one of up to room octets, as
// net.ipv4.tcp_retrans_collapse wants.
func (s *Sender) collapse(pos, room int) {
	if s.q.at(pos).len() >= room {
		return
	}
	for s.mayCollapse(pos, room) {
		s.drop(s.q.at(pos+1).tags, 1)
		s.q.join(pos)
	}
}

func (s *Sender) mayCollapse(pos, room int) bool {
	if s.cfg.NoCollapse || pos+1 >= s.q.len() {
		return false
	}
	n, next := s.q.at(pos), s.q.at(pos+1)
	return n.flags&SYN == 0 && next.segs == 1 && !next.has(sacked) && n.len()+next.len() <= room
}

func (s *Sender) whyRetransmit() Why {
	switch {
	case s.handshake:
		return WhySYN
	case s.CC.CA == cc.Loss:
		return WhyRTO
	case s.sack:
		return WhyRACK
	}
	return WhyFast
}

// Retransmitted records that r, from NextRetransmit, was transmitted.
func (s *Sender) Retransmitted(now clock.Time, r Range) {
	pos := s.q.find(r.Start)
	if pos >= s.q.len() || s.q.at(pos).start != r.Start {
		return
	}
	s.CC.Now = now
	n := s.resend(pos)
	n.tags |= retrans
	s.CC.RetransOut += int(n.segs)
	s.undo.retransmitted(now, int(n.segs))
	if s.CC.InReduction() {
		s.prr.out += n.segs
	}
	s.countRetransmit(uint32(n.segs))
	s.rto.fresh = false
	if pos == 0 && s.timer != TimerReorder {
		s.arm(TimerRTO, s.RTT.RTO())
	}
}

// countRetransmit leaves out what the timeout itself sends again: that is
// counted as a timeout.
func (s *Sender) countRetransmit(segs uint32) {
	switch {
	case s.rto.fresh:
	case s.CC.CA == cc.Loss:
		s.past().counters.SlowStartRetrans += segs
	default:
		s.past().counters.FastRetrans += segs
	}
}

// resend records what retransmissions of every kind have in common.
func (s *Sender) resend(pos int) *node {
	n := s.q.at(pos)
	s.transmitted(n.len())
	n.sentAt = s.CC.Now
	n.tags = n.tags&^counted | ever
	s.stampRate(n)
	s.q.toTail(s.q.id(pos), inFlight)
	h := s.past()
	h.retrans += uint32(n.segs)
	h.bytesRetrans += uint64(n.len())
	h.probe.out = false // one that is under way tells nothing now
	return n
}
