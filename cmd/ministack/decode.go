package main

import (
	"fmt"

	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/udp"
)

// A packet in one line, in tcpdump's words. Whatever the bytes are, there is a
// line: what cannot be read is said.

// describeFrame is a frame with its Ethernet header.
func describeFrame(p []byte) string {
	h := link.Header(p)
	if !h.Valid() {
		return fmt.Sprintf("a frame of %d bytes, too short for a header", len(p))
	}
	return fmt.Sprintf("%v > %v, %s", h.Src(), h.Dst(), describePacket(h.Type(), p[link.HeaderLen:]))
}

// describePacket is what stands behind a link header.
func describePacket(etherType uint16, p []byte) string {
	switch etherType {
	case link.TypeIPv4:
		return describeIPv4(p)
	case link.TypeARP:
		return describeARP(p)
	}
	return fmt.Sprintf("ethertype 0x%04x, length %d", etherType, len(p))
}

func describeARP(p []byte) string {
	h := arp.Header(p)
	switch {
	case !h.Valid():
		return fmt.Sprintf("ARP, not for IPv4 over Ethernet, length %d", len(p))
	case h.Op() == arp.OpRequest:
		return fmt.Sprintf("ARP, Request who-has %v tell %v", h.TargetIP(), h.SenderIP())
	case h.Op() == arp.OpReply:
		return fmt.Sprintf("ARP, Reply %v is-at %v", h.SenderIP(), h.SenderMAC())
	}
	return fmt.Sprintf("ARP, operation %d", h.Op())
}

func describeIPv4(p []byte) string {
	h := ipv4.Header(p)
	if !h.Valid() {
		return fmt.Sprintf("IP, a header that cannot be, length %d", len(p))
	}
	total := min(max(h.Total(), h.Len()), len(p))
	data := p[h.Len():total]
	if h.Offset() != 0 {
		return fmt.Sprintf("IP %v > %v: %s%s", h.Src(), h.Dst(), protocolName(h.Proto()), fragmentOf(h))
	}
	src, dst, what := describeTransport(h, data)
	return fmt.Sprintf("IP %s > %s: %s%s", src, dst, what, fragmentOf(h))
}

// fragmentOf says which part of a datagram it is, if it is not the whole.
func fragmentOf(h ipv4.Header) string {
	if !h.MF() && h.Offset() == 0 {
		return ""
	}
	more := ""
	if h.MF() {
		more = "+"
	}
	return fmt.Sprintf(" (frag id %d, %d bytes at %d%s)", h.ID(), h.Total()-h.Len(), h.Offset(), more)
}

func protocolName(proto uint8) string {
	switch proto {
	case inet.ProtoICMP:
		return "ICMP"
	case inet.ProtoIGMP:
		return "IGMP"
	case inet.ProtoTCP:
		return "TCP"
	case inet.ProtoUDP:
		return "UDP"
	}
	return fmt.Sprintf("protocol %d", proto)
}

// describeTransport returns the two ends, with ports where there are any, and
// what the data say.
func describeTransport(h ipv4.Header, p []byte) (src, dst, what string) {
	src, dst = h.Src().String(), h.Dst().String()
	switch h.Proto() {
	case inet.ProtoTCP:
		if t := tcp.Header(p); t.Valid() {
			return fmt.Sprintf("%s.%d", src, t.SrcPort()), fmt.Sprintf("%s.%d", dst, t.DstPort()), describeTCP(t, len(p))
		}
	case inet.ProtoUDP:
		if u := udp.Header(p); u.Valid() {
			return fmt.Sprintf("%s.%d", src, u.SrcPort()), fmt.Sprintf("%s.%d", dst, u.DstPort()),
				fmt.Sprintf("UDP, length %d", max(u.Length()-udp.HeaderLen, 0))
		}
	case inet.ProtoICMP:
		if m := icmp.Header(p); m.Valid() {
			return src, dst, describeICMP(m, len(p))
		}
	}
	return src, dst, fmt.Sprintf("%s, length %d", protocolName(h.Proto()), len(p))
}

func describeTCP(h tcp.Header, length int) string {
	s := fmt.Sprintf("Flags [%v], seq %d", h.Flags(), h.Seq().Uint32())
	if h.Flags()&tcp.ACK != 0 {
		s += fmt.Sprintf(", ack %d", h.Ack().Uint32())
	}
	return fmt.Sprintf("%s, win %d, length %d", s, h.Window(), length-h.Len())
}

func describeICMP(h icmp.Header, length int) string {
	echo := func(what string) string {
		return fmt.Sprintf("ICMP echo %s, id %d, seq %d, length %d", what, h.Ident(), h.Sequence(), length)
	}
	switch h.Type() {
	case icmp.TypeEcho:
		return echo("request")
	case icmp.TypeEchoReply:
		return echo("reply")
	case icmp.TypeUnreachable:
		return fmt.Sprintf("ICMP unreachable, code %d, length %d", h.Code(), length)
	case icmp.TypeTimeExceeded:
		return fmt.Sprintf("ICMP time exceeded, code %d, length %d", h.Code(), length)
	}
	return fmt.Sprintf("ICMP type %d, code %d, length %d", h.Type(), h.Code(), length)
}
