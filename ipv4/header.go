package ipv4

import (
	"encoding/binary"
	"net/netip"

	"github.com/slankdev/ministack/checksum"
)

// HeaderLen is the length of a header without options, in bytes.
const HeaderLen = 20

const (
	maxHeaderLen = 60
	maxLen       = 65535

	flagDF     = 0x4000
	flagMF     = 0x2000
	maskOffset = 0x1fff

	ecnMask = 3 // of the type of service (RFC 3168 5)
	ecnCE   = 3
)

// Offsets of the fields (RFC 791 3.1):
//
//	|Version|  IHL  |Type of Service|          Total Length         |
//	|         Identification        |Flags|      Fragment Offset    |
//	|  Time to Live |    Protocol   |         Header Checksum       |
//	|                       Source Address                          |
//	|                    Destination Address                        |
const (
	offVersion  = 0
	offTOS      = 1
	offTotal    = 2
	offID       = 4
	offFragment = 6
	offTTL      = 8
	offProto    = 9
	offChecksum = 10
	offSrc      = 12
	offDst      = 16
)

// Header is a view of an IPv4 header and what follows it. Valid comes first.
type Header []byte

// Valid reports whether the header is whole, of version 4, and not longer than
// the packet.
func (h Header) Valid() bool {
	return len(h) >= HeaderLen && h[offVersion]>>4 == 4 && h.Len() >= HeaderLen && h.Len() <= len(h)
}

// Len returns the header's length in bytes, options included.
func (h Header) Len() int { return int(h[offVersion]&0xf) * 4 }

// TOS returns the type of service.
func (h Header) TOS() uint8 { return h[offTOS] }

// Total returns the total length in bytes.
func (h Header) Total() int { return int(binary.BigEndian.Uint16(h[offTotal:])) }

// ID returns the identification.
func (h Header) ID() uint16 { return binary.BigEndian.Uint16(h[offID:]) }

// DF reports whether the packet may not be fragmented.
func (h Header) DF() bool { return h.fragment()&flagDF != 0 }

// MF reports whether more fragments follow.
func (h Header) MF() bool { return h.fragment()&flagMF != 0 }

// Offset returns the fragment's offset in bytes.
func (h Header) Offset() int { return int(h.fragment()&maskOffset) * 8 }

func (h Header) fragment() uint16 { return binary.BigEndian.Uint16(h[offFragment:]) }

// TTL returns the time to live.
func (h Header) TTL() uint8 { return h[offTTL] }

// Proto returns the protocol number.
func (h Header) Proto() uint8 { return h[offProto] }

// Checksum returns the header checksum.
func (h Header) Checksum() uint16 { return binary.BigEndian.Uint16(h[offChecksum:]) }

// Src returns the source address.
func (h Header) Src() netip.Addr { return netip.AddrFrom4([4]byte(h[offSrc:offDst])) }

// Dst returns the destination address.
func (h Header) Dst() netip.Addr { return netip.AddrFrom4([4]byte(h[offDst:HeaderLen])) }

// Options returns the option bytes.
func (h Header) Options() []byte { return h[HeaderLen:h.Len()] }

// checksumRight verifies the header checksum.
func (h Header) checksumRight() bool { return checksum.Valid(checksum.Sum(0, h[:h.Len()])) }

// seal computes the header checksum.
func (h Header) seal() {
	binary.BigEndian.PutUint16(h[offChecksum:], 0)
	binary.BigEndian.PutUint16(h[offChecksum:], checksum.Finish(checksum.Sum(0, h[:h.Len()])))
}

func (h Header) setTotal(n int) { binary.BigEndian.PutUint16(h[offTotal:], uint16(n)) }

func (h Header) setFragment(off int, flags uint16) {
	binary.BigEndian.PutUint16(h[offFragment:], uint16(off/8)|flags)
}

// decrementTTL takes one off, and corrects the checksum (RFC 1624).
func (h Header) decrementTTL() {
	old := binary.BigEndian.Uint16(h[offTTL:])
	h[offTTL]--
	binary.BigEndian.PutUint16(h[offChecksum:], checksum.Update(h.Checksum(), old, binary.BigEndian.Uint16(h[offTTL:])))
}

func (h Header) setTTL(ttl uint8) {
	h[offTTL] = ttl
	h.seal()
}

// fields are what the stack writes into a header.
type fields struct {
	src, dst netip.Addr
	id       uint16
	ttl, tos uint8
	proto    uint8
	df       bool
	total    int
	options  []byte
}

// encode writes a whole header of len(h) bytes.
func (h Header) encode(f *fields) {
	h[offVersion] = 4<<4 | byte(len(h)/4)
	h[offTOS] = f.tos
	h.setTotal(f.total)
	binary.BigEndian.PutUint16(h[offID:], f.id)
	flags := uint16(0)
	if f.df {
		flags = flagDF
	}
	binary.BigEndian.PutUint16(h[offFragment:], flags)
	h[offTTL], h[offProto] = f.ttl, f.proto
	src, dst := f.src.As4(), f.dst.As4()
	copy(h[offSrc:], src[:])
	copy(h[offDst:], dst[:])
	clear(h[HeaderLen:])
	copy(h[HeaderLen:], f.options)
	h.seal()
}
