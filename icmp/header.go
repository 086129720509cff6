package icmp

import "encoding/binary"

// HeaderLen is the length of the part that all messages have, in bytes.
const HeaderLen = 8

// Types (RFC 792, IANA ICMP parameters).
const (
	TypeEchoReply      = 0
	TypeUnreachable    = 3
	TypeSourceQuench   = 4
	TypeRedirect       = 5
	TypeEcho           = 8
	TypeTimeExceeded   = 11
	TypeParamProblem   = 12
	TypeTimestamp      = 13
	TypeTimestampReply = 14
)

// Codes of TypeUnreachable that the stack sends.
const (
	CodeNet        = 0
	CodeHost       = 1
	CodeProtocol   = 2
	CodePort       = 3
	CodeFragNeeded = 4
	CodeSourceFail = 5
	CodeFiltered   = 13

	maxUnreachable = 15
)

// codeReasmTime is TypeTimeExceeded's code for a datagram that was never whole.
const codeReasmTime = 1

// Header is a view of a message. Valid comes first.
type Header []byte

// Valid reports whether the common part is whole.
func (h Header) Valid() bool { return len(h) >= HeaderLen }

// Type returns the type.
func (h Header) Type() uint8 { return h[0] }

// Code returns the code.
func (h Header) Code() uint8 { return h[1] }

// Ident returns the identifier of echo and timestamp messages.
func (h Header) Ident() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// Sequence returns their sequence number.
func (h Header) Sequence() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// MTU returns the next-hop MTU of "fragmentation needed" (RFC 1191 4).
func (h Header) MTU() int { return int(binary.BigEndian.Uint16(h[6:])) }

// Pointer returns the octet that a parameter problem is about.
func (h Header) Pointer() uint8 { return h[4] }

// SetIdent writes the identifier.
func (h Header) SetIdent(id uint16) { binary.BigEndian.PutUint16(h[4:], id) }

// SetSequence writes the sequence number.
func (h Header) SetSequence(n uint16) { binary.BigEndian.PutUint16(h[6:], n) }

func (h Header) setChecksum(sum uint16) { binary.BigEndian.PutUint16(h[2:], sum) }

// isError reports whether a type reports an error, which must never be
// answered by another (RFC 1122 3.2.2).
func isError(typ uint8) bool {
	switch typ {
	case TypeUnreachable, TypeSourceQuench, TypeRedirect, TypeTimeExceeded, TypeParamProblem:
		return true
	}
	return false
}
