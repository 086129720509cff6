package drill

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Packets are built and taken apart by gopacket, not by the stack's own code,
// so that both do not share a mistake.

// segment is a TCP segment on the wire, in live numbers.
type segment struct {
	src, dst netip.AddrPort
	ip       *layers.IPv4
	tcp      *layers.TCP
	flags    uint16
	options  []TCPOption
	payload  []byte
	super    bool   // a part of a super-segment
	err      string // what is wrong with it: a checksum, a length
}

// decoded is a packet that the stack sent.
type decoded struct {
	sentPacket
	tcp  *segment
	udp  *layers.UDP
	icmp *layers.ICMPv4
	ip   *layers.IPv4
}

func decode(p sentPacket, mtu int) *decoded {
	d := &decoded{sentPacket: p}
	pkt := gopacket.NewPacket(p.data, layers.LayerTypeIPv4, gopacket.Default)
	d.ip, _ = pkt.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if d.ip == nil {
		return d
	}
	if t, ok := pkt.Layer(layers.LayerTypeTCP).(*layers.TCP); ok {
		d.tcp = readSegment(d.ip, t)
		d.tcp.super = p.super
		if len(p.data) > mtu {
			d.tcp.err = fmt.Sprintf("%d bytes exceed the MTU of %d", len(p.data), mtu)
		}
	}
	d.udp, _ = pkt.Layer(layers.LayerTypeUDP).(*layers.UDP)
	d.icmp, _ = pkt.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	return d
}

func readSegment(ip *layers.IPv4, t *layers.TCP) *segment {
	src, _ := netip.AddrFromSlice(ip.SrcIP.To4())
	dst, _ := netip.AddrFromSlice(ip.DstIP.To4())
	s := &segment{ip: ip, tcp: t, payload: t.Payload, flags: binary.BigEndian.Uint16(t.Contents[12:]) & 0x1ff,
		src: netip.AddrPortFrom(src, uint16(t.SrcPort)), dst: netip.AddrPortFrom(dst, uint16(t.DstPort))}
	for _, o := range t.Options {
		s.options = append(s.options, readOption(o))
	}
	s.err = checksumError(ip, t)
	return s
}

// checksumError verifies both checksums: a sum over data and checksum is zero
// where the checksum is right.
func checksumError(ip *layers.IPv4, t *layers.TCP) string {
	if err := t.SetNetworkLayerForChecksum(ip); err != nil {
		return err.Error()
	}
	if sum, err := t.ComputeChecksum(); err != nil || sum != 0 {
		return fmt.Sprintf("its TCP checksum %#04x is wrong", t.Checksum)
	}
	if fold(octetSum(ip.Contents)) != 0xffff {
		return fmt.Sprintf("its IP checksum %#04x is wrong", ip.Checksum)
	}
	return ""
}

// udpChecksumError verifies the checksum of a datagram, which may have none.
func udpChecksumError(ip *layers.IPv4, u *layers.UDP) string {
	sum := uint32(ip.Protocol) + uint32(u.Length) + octetSum(ip.SrcIP.To4()) + octetSum(ip.DstIP.To4()) +
		octetSum(u.Contents) + octetSum(u.Payload)
	if u.Checksum != 0 && fold(sum) != 0xffff {
		return fmt.Sprintf("its UDP checksum %#04x is wrong", u.Checksum)
	}
	return ""
}

// octetSum is the sum of the 16-bit words of b.
func octetSum(b []byte) uint32 {
	sum := uint32(0)
	for i, o := range b {
		sum += uint32(o) << (8 * (1 - i&1))
	}
	return sum
}

func fold(sum uint32) uint32 {
	sum = sum>>16 + sum&0xffff
	return sum>>16 + sum&0xffff
}

// expMagic marks Fast Open in the experimental option (RFC 7413 A.1).
const expMagic = 0xf989

var optionNames = map[uint8]string{optEOL: "eol", optNOP: "nop", optSACKPerm: "sackOK", optFastOpen: "FO", optMD5: "md5"}

func readOption(o layers.TCPOption) TCPOption {
	r := TCPOption{Kind: uint8(o.OptionType), Data: o.OptionData, Name: optionNames[uint8(o.OptionType)]}
	d := o.OptionData
	switch {
	case r.Kind == optMSS && len(d) == 2:
		r.Val = uint32(binary.BigEndian.Uint16(d))
	case r.Kind == optWScale && len(d) == 1:
		r.Val = uint32(d[0])
	case r.Kind == optTimestamp && len(d) == 8:
		r.Val, r.Ecr = binary.BigEndian.Uint32(d), binary.BigEndian.Uint32(d[4:])
	case r.Kind == optSACK:
		for ; len(d) >= 8; d = d[8:] {
			r.Blocks = append(r.Blocks, [2]uint32{binary.BigEndian.Uint32(d), binary.BigEndian.Uint32(d[4:])})
		}
	case r.Kind == optExp && len(d) >= 2 && binary.BigEndian.Uint16(d) == expMagic:
		r.Kind, r.Name, r.Exp, r.Data = optFastOpen, "FOEXP", true, d[2:]
	}
	return r
}

// writeOption is the wire form of a script's option.
func writeOption(o *TCPOption) layers.TCPOption {
	w := layers.TCPOption{OptionType: layers.TCPOptionKind(o.Kind), OptionData: o.Data}
	switch o.Kind {
	case optEOL, optNOP:
		return layers.TCPOption{OptionType: layers.TCPOptionKind(o.Kind), OptionLength: 1}
	case optMSS:
		w.OptionData = binary.BigEndian.AppendUint16(nil, uint16(o.Val))
	case optWScale:
		w.OptionData = []byte{byte(o.Val)}
	case optTimestamp:
		w.OptionData = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, o.Val), o.Ecr)
	case optSACK:
		for _, b := range o.Blocks {
			w.OptionData = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(w.OptionData, b[0]), b[1])
		}
	case optFastOpen:
		if o.Exp {
			w.OptionType = optExp
			w.OptionData = append(binary.BigEndian.AppendUint16(nil, expMagic), o.Data...)
		}
	}
	w.OptionLength = uint8(2 + len(w.OptionData))
	return w
}

// network is the IP header of a packet to the stack.
func network(from, to netip.Addr, f IPFields, proto layers.IPProtocol) *layers.IPv4 {
	ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 64, Protocol: proto, SrcIP: from.AsSlice(), DstIP: to.AsSlice(),
		Flags: layers.IPv4DontFragment}
	if f.TOS >= 0 {
		ip.TOS = uint8(f.TOS)
	}
	if f.ECN >= 0 {
		ip.TOS = ip.TOS&^3 | uint8(f.ECN)
	}
	if f.TTL >= 0 {
		ip.TTL = uint8(f.TTL)
	}
	return ip
}

// build writes the layers with their lengths and checksums.
func build(l ...gopacket.SerializableLayer) ([]byte, error) {
	buf := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, l...)
	return buf.Bytes(), err
}
