package arp

import (
	"encoding/binary"
	"net/netip"

	"github.com/slankdev/ministack/netdev"
)

// HeaderLen is the length of an ARP packet for IPv4 over Ethernet, in bytes.
const HeaderLen = 28

// Operations (RFC 826).
const (
	OpRequest = 1
	OpReply   = 2
)

const (
	hardwareEthernet = 1
	hardwareIEEE802  = 6 // IEEE 802 networks (RFC 1042), heard on Ethernet too
	protocolIPv4     = 0x0800
)

// Header is a view of an ARP packet (RFC 826, "Packet format"). Valid comes
// first.
type Header []byte

// Valid reports whether it is a whole packet for IPv4 over Ethernet (B28).
func (h Header) Valid() bool {
	return len(h) >= HeaderLen && (h.hardware() == hardwareEthernet || h.hardware() == hardwareIEEE802) &&
		binary.BigEndian.Uint16(h[2:]) == protocolIPv4 &&
		h[4] == 6 && h[5] == 4
}

func (h Header) hardware() uint16 { return binary.BigEndian.Uint16(h[0:]) }

// Op returns the operation.
func (h Header) Op() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// SenderMAC returns ar$sha.
func (h Header) SenderMAC() netdev.MACAddr { return netdev.MACAddr(h[8:14]) }

// SenderIP returns ar$spa.
func (h Header) SenderIP() netip.Addr { return netip.AddrFrom4([4]byte(h[14:18])) }

// TargetMAC returns ar$tha.
func (h Header) TargetMAC() netdev.MACAddr { return netdev.MACAddr(h[18:24]) }

// TargetIP returns ar$tpa.
func (h Header) TargetIP() netip.Addr { return netip.AddrFrom4([4]byte(h[24:28])) }

// packet is what an ARP packet says.
type packet struct {
	op                   uint16
	senderMAC, targetMAC netdev.MACAddr
	senderIP, targetIP   netip.Addr
}

func (h Header) encode(p *packet) {
	binary.BigEndian.PutUint16(h[0:], hardwareEthernet)
	binary.BigEndian.PutUint16(h[2:], protocolIPv4)
	h[4], h[5] = 6, 4
	binary.BigEndian.PutUint16(h[6:], p.op)
	copy(h[8:], p.senderMAC[:])
	spa, tpa := p.senderIP.As4(), p.targetIP.As4()
	copy(h[14:], spa[:])
	copy(h[18:], p.targetMAC[:])
	copy(h[24:], tpa[:])
}
