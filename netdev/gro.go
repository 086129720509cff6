package netdev

import (
	"bytes"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/skb"
)

// Software GRO (generic receive offload; dev_gro_receive, tcp_gro_receive).
// In-order segments of one flow that came in one batch become a super-segment,
// so that everything above runs once for many frames. Two rules keep it
// invisible: only segments whose headers differ in nothing but sequence
// number, IP id, length and PSH are joined, so that Segment can undo it; and a
// segment that cannot be joined closes its flow, so that nothing is overtaken
// by what came after it. A checksum that a header loses by being joined is
// verified before.

// groFlows is how many flows are kept open at once (MAX_GRO_SKBS).
const groFlows = 8

// segment is what joining needs to know of one frame.
type segment struct {
	b       *skb.Buffer
	net     int // offset of the IP header: 0 or 14
	hdr     int // length of all headers
	payload int
}

func (s *segment) ip() ipHeader   { return s.b.Data()[s.net:] }
func (s *segment) tcp() tcpHeader { return s.b.Data()[s.net+s.ip().headerLen():] }

// flow is a super-segment in the making: its first segment and what must
// follow.
type flow struct {
	segment
	segs int
	mss  int    // payload of the first
	seq  uint32 // of the next
	id   uint16 // of the next
	open bool
	sure bool // the first segment's checksums are verified
}

// joiner holds the flows of one batch.
type joiner struct {
	net   int
	flows [groFlows]flow
	n     int // how many were ever opened
}

// joinSegments joins TCP segments of a batch into super-segments, in place,
// and returns the shorter batch. net is the length of the link header.
func joinSegments(batch []*skb.Buffer, net int) []*skb.Buffer {
	if len(batch) < 2 {
		return batch
	}
	j := joiner{net: net}
	kept := batch[:0]
	for _, b := range batch {
		if !j.join(b) {
			kept = append(kept, b)
		}
	}
	clear(batch[len(kept):])
	return kept
}

// join reports whether b went into an earlier segment of its flow.
func (j *joiner) join(b *skb.Buffer) bool {
	s := segment{b: b, net: j.net}
	if !s.read() {
		return false
	}
	f := j.find(&s)
	joinable := s.joinable()
	if f != nil {
		if joinable && f.accepts(&s) && f.take(&s) {
			return true
		}
		f.open = false
	}
	if joinable {
		j.start(&s)
	}
	return false
}

// read reports whether the frame is a TCP/IPv4 segment with whole headers.
func (s *segment) read() bool {
	b := s.b
	if !b.MayPull(s.net+ipMinLen+tcpMinLen) || !carriesIPv4(b, s.net) {
		return false
	}
	ip := s.ip()
	trans := s.net + ip.headerLen()
	if ip.version() != 4 || ip.headerLen() < ipMinLen || ip.protocol() != protoTCP || !b.MayPull(trans+tcpMinLen) {
		return false
	}
	th := tcpHeader(b.Data()[trans:])
	s.hdr = trans + th.headerLen()
	s.payload = b.Len() - s.hdr
	return th.headerLen() >= tcpMinLen && b.MayPull(s.hdr)
}

// joinable reports whether the segment may be part of a super-segment at all:
// data, no fragment, no IP options, no padding, no flag but ACK and PSH.
func (s *segment) joinable() bool {
	const offsetOrMore = 0x3fff
	ip := s.ip()
	return s.payload > 0 && s.b.GSO == skb.GSONone &&
		ip.headerLen() == ipMinLen && ip.fragment()&offsetOrMore == 0 &&
		ip.totalLen() == s.b.Len()-s.net && s.tcp().flags()&^tcpPSH == tcpACK
}

// find returns the open flow that the segment belongs to.
func (j *joiner) find(s *segment) *flow {
	addrs, ports := s.ip().addrs(), s.tcp().ports()
	for i := range j.flows[:min(j.n, groFlows)] {
		f := &j.flows[i]
		if f.open && f.ip().addrs() == addrs && f.tcp().ports() == ports {
			return f
		}
	}
	return nil
}

// start opens a flow with s.
func (j *joiner) start(s *segment) {
	*j.place() = flow{
		segment: *s, segs: 1, mss: s.payload,
		seq: s.tcp().seq() + uint32(s.payload), id: s.ip().id() + 1,
		open: s.tcp().flags()&tcpPSH == 0,
	}
}

// place returns a closed flow's place, or the oldest one's.
func (j *joiner) place() *flow {
	for i := range j.flows[:min(j.n, groFlows)] {
		if !j.flows[i].open {
			return &j.flows[i]
		}
	}
	f := &j.flows[j.n%groFlows]
	j.n++
	return f
}

// accepts reports whether s is the next segment of the flow, alike in all that
// joining does not keep.
func (f *flow) accepts(s *segment) bool {
	const df = 0x4000
	a, b := f.ip(), s.ip()
	sameID := b.id() == f.id || b.fragment()&df != 0 // RFC 6864 4.1: with DF the id says nothing
	return s.tcp().seq() == f.seq && s.payload <= f.mss && sameID &&
		f.b.Len()-f.net+s.payload <= maxIPLen &&
		s.hdr == f.hdr && a[1] == b[1] && a.fragment() == b.fragment() && a[8] == b[8] &&
		sameSegmentHeader(f.tcp()[:f.hdr-f.net-ipMinLen], s.tcp()[:s.hdr-s.net-ipMinLen]) &&
		bytes.Equal(f.b.Data()[:f.net], s.b.Data()[:s.net])
}

// sameSegmentHeader compares acknowledgement, window, urgent pointer and
// options, timestamps among them.
func sameSegmentHeader(a, b tcpHeader) bool {
	return bytes.Equal(a[8:13], b[8:13]) && bytes.Equal(a[14:16], b[14:16]) && bytes.Equal(a[18:], b[18:])
}

// take joins s to the flow. It reports false, and changes nothing, where a
// checksum is wrong or the buffer cannot carry more.
func (f *flow) take(s *segment) bool {
	if !f.sure && !f.verify() || !s.verify() {
		return false
	}
	f.sure = true
	last := s.payload < f.mss || s.tcp().flags()&tcpPSH != 0
	flags := s.tcp().flags()
	s.b.Pull(s.hdr)
	if !f.b.Take(s.b) {
		s.b.Push(s.hdr)
		return false
	}
	f.grow(s.payload, flags)
	f.open = !last
	return true
}

// grow makes the headers those of a segment longer by n bytes.
func (f *flow) grow(n int, flags byte) {
	if f.segs == 1 {
		f.b.Unshare()
	}
	f.segs++
	f.seq += uint32(n)
	f.id++
	f.ip().setTotalLen(f.ip().totalLen() + n)
	f.tcp()[13] |= flags & tcpPSH
	f.b.GSO, f.b.GSOSize, f.b.GSOSegs = skb.GSOTCPv4, uint16(f.mss), uint16(f.segs)
	f.b.Csum = skb.CsumUnnecessary
}

// verify checks both checksums, as far as the device has not, and remembers
// that TCP's is right.
func (s *segment) verify() bool {
	ip := s.ip()
	if !checksum.Valid(checksum.Sum(0, ip[:ipMinLen])) {
		return false
	}
	if s.b.Csum != skb.CsumNone {
		return true
	}
	length := s.b.Len() - s.net - ipMinLen
	sum := checksum.Add(ip.pseudo(), uint16(length))
	if !checksum.Valid(checksum.Add(sum, sumFrom(s.b, s.net+ipMinLen))) {
		return false
	}
	s.b.Csum = skb.CsumUnnecessary
	return true
}
