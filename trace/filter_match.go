package trace

import (
	"encoding/binary"
	"net/netip"

	"github.com/slankdev/ministack/skb"
)

// The tests that a compiled filter is made of. A packet meets them at one of
// three stations: a received frame whose first header is marked, a packet of
// our own with its network header, and a segment that has none yet, of which
// skb.Net tells what it will say.

const (
	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeRARP = 0x8035
	typeIPv6 = 0x86dd

	protoICMP     = 1
	protoIGMP     = 2
	protoTCP      = 6
	protoUDP      = 17
	protoFragment = 44
	protoICMP6    = 58
	protoSCTP     = 132
)

var ipProtocols = map[string]uint8{"icmp": protoICMP, "igmp": protoIGMP, "tcp": protoTCP, "udp": protoUDP,
	"icmp6": protoICMP6, "sctp": protoSCTP}

var etherTypes = map[string]uint16{"ip": typeIPv4, "arp": typeARP, "rarp": typeRARP, "ip6": typeIPv6}

// headers returns a packet's EtherType and what follows the link header; a nil
// slice with typeIPv4 for a segment without network header.
func headers(b *skb.Buffer) (uint16, []byte) {
	if l := b.Link(); l != nil {
		if len(l) < 14 {
			return 0, nil
		}
		return binary.BigEndian.Uint16(l[12:]), l[14:]
	}
	n := b.Network()
	switch {
	case n == nil && b.Net.Src.Is4():
		return typeIPv4, nil
	case len(n) == 0:
		return 0, nil
	case n[0]>>4 == 4:
		return typeIPv4, n
	case n[0]>>4 == 6:
		return typeIPv6, n
	case len(n) >= 28 && n[0] == 0 && n[1] == 1:
		return typeARP, n
	}
	return 0, nil
}

// addrs returns the addresses of an IPv4 or ARP packet.
func addrs(b *skb.Buffer) (etherType uint16, src, dst uint32, ok bool) {
	t, p := headers(b)
	switch {
	case t == typeIPv4 && p == nil:
		return t, Addr(b.Net.Src), Addr(b.Net.Dst), true
	case t == typeIPv4 && len(p) >= 20:
		return t, binary.BigEndian.Uint32(p[12:]), binary.BigEndian.Uint32(p[16:]), true
	case (t == typeARP || t == typeRARP) && len(p) >= 28:
		return t, binary.BigEndian.Uint32(p[14:]), binary.BigEndian.Uint32(p[24:]), true
	}
	return 0, 0, 0, false
}

// addrTest compares addresses with a network, under ip, arp, rarp or any of
// them.
func addrTest(q *quals, pre netip.Prefix) test {
	if !pre.Addr().Is4() {
		return addrTest6(q, pre)
	}
	want := Addr(pre.Addr())
	mask := uint32(0xffffffff << (32 - pre.Bits()))
	proto, dir := etherTypes[q.proto], q.dir
	return func(b *skb.Buffer) bool {
		t, src, dst, ok := addrs(b)
		if !ok || proto != 0 && t != proto {
			return false
		}
		return either(dir, src&mask == want, dst&mask == want)
	}
}

func addrTest6(q *quals, pre netip.Prefix) test {
	dir := q.dir
	return func(b *skb.Buffer) bool {
		t, p := headers(b)
		if t != typeIPv6 || len(p) < 40 {
			return false
		}
		return either(dir, pre.Contains(netip.AddrFrom16([16]byte(p[8:24]))), pre.Contains(netip.AddrFrom16([16]byte(p[24:40]))))
	}
}

// either joins what is true of source and destination by the direction.
func either(dir string, src, dst bool) bool {
	switch dir {
	case "src":
		return src
	case "dst":
		return dst
	case "and":
		return src && dst
	}
	return src || dst
}

// protocolTest is a protocol's name alone.
func protocolTest(name string) test {
	if t, ok := etherTypes[name]; ok {
		return func(b *skb.Buffer) bool { got, _ := headers(b); return got == t }
	}
	n := uint32(ipProtocols[name])
	switch name {
	case "icmp", "igmp":
		return ipProtoTest("ip", n)
	case "icmp6":
		return ipProtoTest("ip6", n)
	}
	return ipProtoTest("", n)
}

// ipProtoTest compares the protocol number, under ip, ip6 or both. In IPv6 it
// looks behind a fragment header, as pcap does.
func ipProtoTest(family string, n uint32) test {
	return func(b *skb.Buffer) bool {
		t, p := headers(b)
		switch {
		case t == typeIPv4 && family != "ip6" && p == nil:
			return uint32(b.Net.Proto) == n
		case t == typeIPv4 && family != "ip6" && len(p) >= 20:
			return uint32(p[9]) == n
		case t == typeIPv6 && family != "ip" && len(p) >= 40:
			return uint32(p[6]) == n || p[6] == protoFragment && len(p) > 40 && uint32(p[40]) == n
		}
		return false
	}
}

// portTest compares ports of TCP, UDP and SCTP with a range. Later fragments
// have none.
func portTest(q *quals, lo, hi uint16) test {
	proto, dir := ipProtocols[q.proto], q.dir
	return func(b *skb.Buffer) bool {
		got, th := transport(b)
		if len(th) < 4 || proto != 0 && got != proto || got != protoTCP && got != protoUDP && got != protoSCTP {
			return false
		}
		src, dst := binary.BigEndian.Uint16(th), binary.BigEndian.Uint16(th[2:])
		return either(dir, lo <= src && src <= hi, lo <= dst && dst <= hi)
	}
}

// transport returns the transport protocol and its header, nil where there is
// none.
func transport(b *skb.Buffer) (uint8, []byte) {
	t, p := headers(b)
	switch {
	case t == typeIPv4 && p == nil:
		return b.Net.Proto, b.Transport()
	case t == typeIPv4 && len(p) >= 20:
		hlen := int(p[0]&0xf) * 4
		if binary.BigEndian.Uint16(p[6:])&0x1fff != 0 || hlen > len(p) {
			return p[9], nil
		}
		return p[9], p[hlen:]
	case t == typeIPv6 && len(p) >= 40:
		return p[6], p[40:]
	}
	return 0, nil
}
