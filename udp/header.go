package udp

import "encoding/binary"

// HeaderLen is the length of a UDP header, in bytes.
const HeaderLen = 8

// MaxPayload is the largest payload that an IPv4 datagram carries (B47).
const MaxPayload = 65535 - 20 - HeaderLen

const offChecksum = 6

// Header is a view of a UDP header (RFC 768). Valid comes first.
type Header []byte

// Valid reports whether the header is whole.
func (h Header) Valid() bool { return len(h) >= HeaderLen }

// SrcPort returns the source port.
func (h Header) SrcPort() uint16 { return binary.BigEndian.Uint16(h) }

// DstPort returns the destination port.
func (h Header) DstPort() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// Length returns the length of header and data.
func (h Header) Length() int { return int(binary.BigEndian.Uint16(h[4:])) }

// Checksum returns the checksum; 0 means that there is none.
func (h Header) Checksum() uint16 { return binary.BigEndian.Uint16(h[offChecksum:]) }

func (h Header) encode(src, dst uint16, length int, sum uint16) {
	binary.BigEndian.PutUint16(h, src)
	binary.BigEndian.PutUint16(h[2:], dst)
	binary.BigEndian.PutUint16(h[4:], uint16(length))
	binary.BigEndian.PutUint16(h[offChecksum:], sum)
}
