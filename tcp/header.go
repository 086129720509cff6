package tcp

import (
	"encoding/binary"

	"github.com/slankdev/ministack/tcp/seq"
)

// HeaderLen is the length of a TCP header without options, in bytes.
const HeaderLen = 20

const (
	maxHeaderLen = 60
	maxOptionLen = maxHeaderLen - HeaderLen
)

// Offsets of the fields (RFC 9293 3.1):
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	|          Source Port          |       Destination Port        |
//	|                        Sequence Number                        |
//	|                    Acknowledgment Number                      |
//	| Offset| Rsrvd |C|E|U|A|P|R|S|F|            Window             |
//	|           Checksum            |         Urgent Pointer        |
const (
	offSrcPort  = 0
	offDstPort  = 2
	offSeq      = 4
	offAck      = 8
	offDataOff  = 12
	offFlags    = 13
	offWindow   = 14
	offChecksum = 16
	offUrgent   = 18
)

// Flags are the control bits.
type Flags uint8

// Control bits (RFC 9293 3.1, RFC 3168 6.1).
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// String prints flags as tcpdump does, "S.", "P.", "F.", "." for ACK.
func (f Flags) String() string {
	const letters = "FSRP.UEW"
	var s []byte
	for _, i := range []int{1, 0, 2, 3, 5, 6, 7, 4} {
		if f&(1<<i) != 0 {
			s = append(s, letters[i])
		}
	}
	if len(s) == 0 {
		return "none"
	}
	return string(s)
}

// Header is a view of a TCP header and what follows it. Valid comes first;
// then no accessor can fail.
type Header []byte

// Valid reports whether the fixed part is there and the data offset lies
// inside the segment.
func (h Header) Valid() bool {
	return len(h) >= HeaderLen && h.Len() >= HeaderLen && h.Len() <= len(h)
}

// SrcPort returns the source port.
func (h Header) SrcPort() uint16 { return binary.BigEndian.Uint16(h[offSrcPort:]) }

// DstPort returns the destination port.
func (h Header) DstPort() uint16 { return binary.BigEndian.Uint16(h[offDstPort:]) }

// Seq returns SEG.SEQ.
func (h Header) Seq() seq.Num { return seq.New(binary.BigEndian.Uint32(h[offSeq:])) }

// Ack returns SEG.ACK.
func (h Header) Ack() seq.Num { return seq.New(binary.BigEndian.Uint32(h[offAck:])) }

// Len returns the header's length in bytes, options included.
func (h Header) Len() int { return int(h[offDataOff]>>4) * 4 }

// Flags returns the control bits.
func (h Header) Flags() Flags { return Flags(h[offFlags]) }

// AE returns the reserved bit that AccECN uses (RFC 9768), the old NS.
func (h Header) AE() bool { return h[offDataOff]&1 != 0 }

// Window returns SEG.WND, not scaled.
func (h Header) Window() uint16 { return binary.BigEndian.Uint16(h[offWindow:]) }

// Checksum returns the checksum field.
func (h Header) Checksum() uint16 { return binary.BigEndian.Uint16(h[offChecksum:]) }

// Urgent returns SEG.UP.
func (h Header) Urgent() uint16 { return binary.BigEndian.Uint16(h[offUrgent:]) }

// Options returns the option bytes.
func (h Header) Options() []byte { return h[HeaderLen:h.Len()] }

// fields are what the stack writes into a header.
type fields struct {
	src, dst uint16
	seq, ack seq.Num
	flags    Flags
	ae       bool // RFC 9768
	window   uint16
	urgent   uint16
}

// encode writes a header of len(h) bytes, options excepted, with a zero
// checksum.
func (h Header) encode(f *fields) {
	binary.BigEndian.PutUint16(h[offSrcPort:], f.src)
	binary.BigEndian.PutUint16(h[offDstPort:], f.dst)
	binary.BigEndian.PutUint32(h[offSeq:], f.seq.Uint32())
	binary.BigEndian.PutUint32(h[offAck:], f.ack.Uint32())
	h[offDataOff] = byte(len(h) / 4 << 4)
	if f.ae {
		h[offDataOff] |= 1
	}
	h[offFlags] = byte(f.flags)
	binary.BigEndian.PutUint16(h[offWindow:], f.window)
	binary.BigEndian.PutUint16(h[offChecksum:], 0)
	binary.BigEndian.PutUint16(h[offUrgent:], f.urgent)
}
