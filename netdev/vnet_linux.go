package netdev

import (
	"encoding/binary"
	"syscall"

	"github.com/slankdev/ministack/skb"
)

// The header that TAP and AF_PACKET put before a frame when asked to
// (IFF_VNET_HDR, PACKET_VNET_HDR): struct virtio_net_hdr, virtio 1.2 section
// 5.1.6, in the machine's byte order.
//
//	 0      1         2        4         6           8            10
//	+------+---------+--------+---------+-----------+------------+
//	| flags| gso_type| hdr_len| gso_size| csum_start| csum_offset|
//	+------+---------+--------+---------+-----------+------------+
const vnetLen = 10

// Flags and GSO types.
const (
	vnetNeedsCsum = 1
	vnetDataValid = 2

	vnetGSONone  = 0
	vnetGSOTCPv4 = 1
	vnetGSOTCPv6 = 4
	vnetGSOUDP   = 5 // VIRTIO_NET_HDR_GSO_UDP_L4; UFO's 3 is history
	vnetGSOECN   = 0x80
)

type vnetHeader []byte

func (h vnetHeader) flags() byte        { return h[0] }
func (h vnetHeader) gsoType() byte      { return h[1] }
func (h vnetHeader) gsoSize() uint16    { return binary.NativeEndian.Uint16(h[4:]) }
func (h vnetHeader) csumStart() uint16  { return binary.NativeEndian.Uint16(h[6:]) }
func (h vnetHeader) csumOffset() uint16 { return binary.NativeEndian.Uint16(h[8:]) }

// decode notes in b, a frame with a link header of link bytes, what the header
// says of it. It returns the reason to drop b where that cannot be true.
func (h vnetHeader) decode(b *skb.Buffer, link int) skb.Reason {
	switch {
	case h.flags()&vnetNeedsCsum != 0:
		b.Csum, b.CsumStart, b.CsumOffset = skb.CsumPartial, h.csumStart(), h.csumOffset()
		if !b.MayPull(int(b.CsumStart) + int(b.CsumOffset) + 2) {
			return skb.HdrTrunc
		}
	case h.flags()&vnetDataValid != 0:
		b.Csum = skb.CsumUnnecessary
	}
	switch h.gsoType() &^ vnetGSOECN {
	case vnetGSONone:
		return skb.NotDropped
	case vnetGSOTCPv4:
		return h.decodeTCP(b, link)
	case vnetGSOUDP:
		return h.decodeUDP(b, link)
	case vnetGSOTCPv6:
		return skb.NotDropped // nothing above handles IPv6: it need not be cut
	}
	return skb.DevHdr
}

func (h vnetHeader) decodeTCP(b *skb.Buffer, link int) skb.Reason {
	s := segment{b: b, net: link}
	size := int(h.gsoSize())
	switch {
	case size == 0:
		return skb.DevHdr
	case !carriesIPv4(b, link):
		return skb.NotDropped // behind a VLAN tag: as with IPv6
	case !s.read():
		return skb.HdrTrunc
	}
	if s.payload > size {
		b.GSO, b.GSOSize, b.GSOSegs = skb.GSOTCPv4, h.gsoSize(), uint16((s.payload+size-1)/size)
	}
	return skb.NotDropped
}

func (h vnetHeader) decodeUDP(b *skb.Buffer, link int) skb.Reason {
	switch {
	case h.gsoSize() == 0:
		return skb.DevHdr
	case !carriesIPv4(b, link):
		return skb.NotDropped
	case !b.MayPull(link + ipMinLen + udpLen):
		return skb.HdrTrunc
	}
	size, payload := int(h.gsoSize()), b.Len()-link-ipHeader(b.Data()[link:]).headerLen()-udpLen
	if payload > size {
		b.GSO, b.GSOSize, b.GSOSegs = skb.GSOUDPv4, h.gsoSize(), uint16((payload+size-1)/size)
	}
	return skb.NotDropped
}

// encode describes the frame b. Errors: EINVAL for a super-segment of a kind
// that is not offered, or whose headers are not where they should be.
func (h vnetHeader) encode(b *skb.Buffer) error {
	clear(h[:vnetLen])
	if b.Csum == skb.CsumPartial {
		h[0] = vnetNeedsCsum
		binary.NativeEndian.PutUint16(h[6:], b.CsumStart)
		binary.NativeEndian.PutUint16(h[8:], b.CsumOffset)
	}
	if b.GSO == skb.GSONone {
		return nil
	}
	trans := int(b.CsumStart)
	if b.Csum != skb.CsumPartial || b.HeadLen() < trans+udpLen {
		return syscall.EINVAL
	}
	hdr := trans + udpLen
	switch b.GSO {
	case skb.GSOUDPv4:
		h[1] = vnetGSOUDP
	case skb.GSOTCPv4:
		if b.HeadLen() < trans+tcpMinLen {
			return syscall.EINVAL
		}
		th := tcpHeader(b.Data()[trans:])
		hdr = trans + th.headerLen()
		h[1] = vnetGSOTCPv4
		if th.flags()&tcpCWR != 0 {
			h[1] |= vnetGSOECN // only the first segment is to have CWR
		}
	}
	binary.NativeEndian.PutUint16(h[2:], uint16(hdr))
	binary.NativeEndian.PutUint16(h[4:], b.GSOSize)
	return nil
}
