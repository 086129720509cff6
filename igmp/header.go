package igmp

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/slankdev/ministack/checksum"
)

// Message types (RFC 3376 4).
const (
	TypeQuery    = 0x11
	TypeReportV1 = 0x12
	TypeReportV2 = 0x16
	TypeLeave    = 0x17
	TypeReportV3 = 0x22
)

// Record types of a version 3 report (RFC 3376 4.2.12).
const (
	IsInclude = 1 + iota
	IsExclude
	ToInclude
	ToExclude
	AllowNew
	BlockOld
)

const (
	headerLen  = 8  // of versions 1 and 2, and of a report's head
	queryLen   = 12 // of a version 3 query, before its sources
	recordLen  = 8  // of a group record, before its sources
	addressLen = 4
)

// Header is a view of a message (RFC 2236 2, RFC 3376 4.1). Valid comes first.
//
//	|  Type  | Max Resp Time |        Checksum        |
//	|                 Group Address                   |
//	| Resv |S| QRV |  QQIC  |  Number of Sources (N)  |   version 3 queries
//	|              Source Address [1..N]              |
type Header []byte

// Valid reports whether the header is whole; of a query of version 3, with all
// its sources.
func (h Header) Valid() bool {
	if len(h) < headerLen {
		return false
	}
	return h.Type() != TypeQuery || len(h) == headerLen || len(h) >= queryLen && len(h) >= queryLen+addressLen*h.sources()
}

// Type returns the message type.
func (h Header) Type() uint8 { return h[0] }

// Code returns the maximum response time, as it is encoded.
func (h Header) Code() uint8 { return h[1] }

// Group returns the group that it is about, 0.0.0.0 in a general query.
func (h Header) Group() netip.Addr { return netip.AddrFrom4([4]byte(h[4:8])) }

// V3 reports whether a query is of version 3.
func (h Header) V3() bool { return len(h) >= queryLen }

// Robustness is the querier's robustness variable, 0 if it does not say (QRV).
func (h Header) Robustness() int { return int(h[8] & 7) }

// Interval is the querier's query interval, 0 if it does not say (QQIC).
func (h Header) Interval() time.Duration { return time.Duration(float(h[9])) * time.Second }

// MaxResponse is the longest delay before a report, by the encoding of version
// 3 (RFC 3376 4.1.1).
func (h Header) MaxResponse() time.Duration { return time.Duration(float(h.Code())) * time.Second / 10 }

func (h Header) sources() int { return int(binary.BigEndian.Uint16(h[10:])) }

// Sources returns the sources that a query asks for.
func (h Header) Sources() []netip.Addr {
	var list []netip.Addr
	for p := h[queryLen:]; len(list) < h.sources(); p = p[addressLen:] {
		list = append(list, netip.AddrFrom4([4]byte(p[:4])))
	}
	return list
}

// float decodes the codes of RFC 3376 4.1.1 and 4.1.7: from 128 on, three bits
// of exponent and four of mantissa.
func float(code uint8) int {
	if code < 128 {
		return int(code)
	}
	return int(code&0xf|0x10) << (code>>4&7 + 3)
}

// encode makes a message of version 1 or 2.
func encode(typ uint8, group netip.Addr) []byte {
	p := make([]byte, headerLen)
	a := group.As4()
	p[0] = typ
	copy(p[4:], a[:])
	return seal(p)
}

// seal computes the checksum, over the whole message.
func seal(p []byte) []byte {
	binary.BigEndian.PutUint16(p[2:], checksum.Finish(checksum.Sum(0, p)))
	return p
}

// record is a group record of a report (RFC 3376 4.2.4).
type record struct {
	typ     uint8
	group   netip.Addr
	sources []netip.Addr
}

func (r *record) len() int { return recordLen + addressLen*len(r.sources) }

func (r *record) append(p []byte) []byte {
	group := r.group.As4()
	p = append(p, r.typ, 0)
	p = binary.BigEndian.AppendUint16(p, uint16(len(r.sources)))
	p = append(p, group[:]...)
	for _, s := range r.sources {
		a := s.As4()
		p = append(p, a[:]...)
	}
	return p
}

// reports makes messages of version 3, of at most room bytes each, of the
// records. One that does not fit starts the next; one that fits in none is
// split, or, where what is left out would be taken for wanted otherwise, cut:
// more is received then than was asked for (RFC 3376 4.2.16).
func reports(records []record, room int) [][]byte {
	var all [][]byte
	var p []byte
	for _, r := range records {
		for again := true; again; {
			if p != nil && len(p)+r.len() > room {
				all, p = append(all, finish(p)), nil
			}
			if p == nil {
				p = make([]byte, headerLen, room)
			}
			rest := r.trim((room - len(p) - recordLen) / addressLen)
			p = r.append(p)
			binary.BigEndian.PutUint16(p[6:], binary.BigEndian.Uint16(p[6:])+1)
			again = len(rest) > 0
			r.sources = rest
		}
	}
	if p != nil {
		all = append(all, finish(p))
	}
	return all
}

// trim leaves at most n sources and returns the others, if they may follow in a
// record of their own.
func (r *record) trim(n int) []netip.Addr {
	if len(r.sources) <= n {
		return nil
	}
	rest := r.sources[n:]
	r.sources = r.sources[:n]
	if r.typ == IsExclude || r.typ == ToExclude {
		return nil
	}
	return rest
}

func finish(p []byte) []byte {
	p[0] = TypeReportV3
	return seal(p)
}
