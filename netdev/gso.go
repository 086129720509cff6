package netdev

import (
	"encoding/binary"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/skb"
)

// Software segmentation (generic segmentation offload; skb_segment,
// tcp_gso_segment, __udp_gso_segment). A super-segment carries one set of
// headers and up to 64 KB of payload. Cutting it repeats the headers in a
// buffer of their own for each segment, corrects what differs from one to the
// next, and puts a reference to the segment's share of the payload behind
// them: no payload byte is touched unless a checksum must be finished.

// maxSegments bounds how many frames one super-segment may become, so that a
// GSO size of one byte that came from outside does not cost a gigabyte.
const maxSegments = 2048

// cutter is what all segments of one super-segment have in common.
type cutter struct {
	b      *skb.Buffer
	net    int    // offset of the network header
	trans  int    // offset of the transport header
	hdr    int    // length of all headers
	proto  byte   // IANA number of the transport
	id     uint16 // of the first segment
	seq    uint32 // of the first segment, TCP only
	pseudo uint16 // the pseudo-header's sum but for the length
	plain  bool   // UDP without a checksum
}

// Segment cuts the super-segment b, a whole frame with its network header
// marked, into frames of at most GSOSize bytes of payload each, appends them
// to out and consumes b. The frames' checksums are left partial. On failure b
// is dropped and the reason returned.
func Segment(b *skb.Buffer, out *skb.Queue) skb.Reason {
	c := cutter{b: b}
	size := int(b.GSOSize)
	if size == 0 || !c.read() {
		return b.Drop(skb.GSOFailed)
	}
	payload := b.Len() - c.hdr
	if payload > size*maxSegments || b.Len()-c.net > maxIPLen {
		return b.Drop(skb.GSOFailed)
	}
	for i, off := 0, 0; off < payload || i == 0; i, off = i+1, off+size {
		n := min(size, payload-off)
		s := c.piece(off, n)
		last := off+n == payload
		if c.fixHeaders(s, i, off, last); last {
			s.InheritOwner(b)
		}
		out.PushBack(s)
	}
	b.Consume()
	return skb.NotDropped
}

// read finds the headers and sees to it that they are linear.
func (c *cutter) read() bool {
	b := c.b
	net, ok := b.NetworkOffset()
	if !ok || net < 0 || !b.MayPull(net+ipMinLen) {
		return false
	}
	ip := ipHeader(b.Data()[net:])
	c.net, c.trans, c.proto, c.id = net, net+ip.headerLen(), ip.protocol(), ip.id()
	if ip.version() != 4 || ip.headerLen() < ipMinLen || !c.readTransport() {
		return false
	}
	c.pseudo = ipHeader(b.Data()[net:]).pseudo()
	return true
}

func (c *cutter) readTransport() bool {
	b := c.b
	switch {
	case b.GSO == skb.GSOTCPv4 && c.proto == protoTCP && b.MayPull(c.trans+tcpMinLen):
		th := tcpHeader(b.Data()[c.trans:])
		c.hdr, c.seq = c.trans+th.headerLen(), th.seq()
		return th.headerLen() >= tcpMinLen && b.MayPull(c.hdr)
	case b.GSO == skb.GSOUDPv4 && c.proto == protoUDP && b.MayPull(c.trans+udpLen):
		c.hdr = c.trans + udpLen
		c.plain = b.Csum != skb.CsumPartial && binary.BigEndian.Uint16(b.Data()[c.trans+6:]) == 0
		return true
	}
	return false
}

// piece returns a frame of the headers and n bytes of payload from off.
func (c *cutter) piece(off, n int) *skb.Buffer {
	pool := c.b.Pool()
	s := pool.New(c.hdr)
	copy(s.Put(c.hdr), c.b.Data())
	if !s.AddRange(c.b, c.hdr+off, n) { // the payload is in crumbs
		s.Consume()
		s = pool.New(c.hdr + n)
		copy(s.Put(c.hdr), c.b.Data())
		c.b.CopyOut(c.hdr+off, s.Put(n))
	}
	id := s.ID
	s.Meta = c.b.Meta
	s.ID = id
	s.GSO, s.GSOSize, s.GSOSegs = skb.GSONone, 0, 0
	markHeaders(s, c.net, c.trans)
	return s
}

// fixHeaders makes the copied headers those of segment i, off bytes into the
// payload.
func (c *cutter) fixHeaders(s *skb.Buffer, i, off int, last bool) {
	p := s.Data()
	ip := ipHeader(p[c.net:])
	ip.setTotalLen(s.Len() - c.net)
	ip.setID(c.id + uint16(i))
	if c.proto == protoTCP {
		fixTCP(p[c.trans:], c.seq+uint32(off), i == 0, last)
	} else {
		binary.BigEndian.PutUint16(p[c.trans+4:], uint16(s.Len()-c.trans))
	}
	if !c.plain {
		setPartial(s, c.trans, c.proto, c.pseudo)
	}
}

// fixTCP sets the sequence number and the flags: FIN and PSH speak of the end
// of the data, CWR is to be seen once (RFC 3168 6.1.2).
func fixTCP(th tcpHeader, seq uint32, first, last bool) {
	th.setSeq(seq)
	if !first {
		th[13] &^= tcpCWR
	}
	if !last {
		th[13] &^= tcpFIN | tcpPSH
	}
}

// setPartial leaves the pseudo-header's sum in the checksum field and says so.
func setPartial(s *skb.Buffer, trans int, proto byte, pseudo uint16) {
	field := checksumOffset(proto)
	binary.BigEndian.PutUint16(s.Data()[trans+field:], checksum.Add(pseudo, uint16(s.Len()-trans)))
	s.Csum, s.CsumStart, s.CsumOffset = skb.CsumPartial, uint16(trans), uint16(field)
}

// FinishChecksum completes a CsumPartial checksum in software
// (skb_checksum_help). The linear part is made b's own first. It returns
// HdrTrunc, and leaves b to the caller, where the frame does not hold the
// field.
func FinishChecksum(b *skb.Buffer) skb.Reason {
	start := checksumStart(b)
	field := start + int(b.CsumOffset)
	if start < 0 || !b.MayPull(field+2) {
		return skb.HdrTrunc
	}
	b.Unshare()
	sum := checksum.Finish(sumFrom(b, start))
	if sum == 0 && int(b.CsumOffset) == checksumOffset(protoUDP) {
		sum = 0xffff // the same number, but in UDP zero means "none" (RFC 768)
	}
	binary.BigEndian.PutUint16(b.Data()[field:], sum)
	b.Csum = skb.CsumNone
	return skb.NotDropped
}

// checksumStart returns the offset at which summing starts. The transport
// header's mark moves with Push and Pull, so it is believed first.
func checksumStart(b *skb.Buffer) int {
	if off, ok := b.TransportOffset(); ok {
		return off
	}
	return int(b.CsumStart)
}

// offerChecksum makes a super-segment's checksum partial, which is what a
// device that cuts it expects; one that GRO built on receive says Unnecessary.
func offerChecksum(b *skb.Buffer) skb.Reason {
	c := cutter{b: b}
	if !c.read() {
		return skb.GSOFailed
	}
	if !c.plain {
		b.Unshare()
		setPartial(b, c.trans, c.proto, c.pseudo)
	}
	return skb.NotDropped
}
