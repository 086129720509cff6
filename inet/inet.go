// Package inet is what the transports and sockets see of a network layer, and
// share among themselves: routes and flows, the protocol table's entry, errors
// that ICMP reports, and the part of a socket that is the same for all of them
// (Linux: dst.h, flow.h, protocol.h, inet_sock.h, sock.h). Nothing here or
// above it parses a network header, so that IPv6 can stand beside IPv4.
package inet

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// IANA protocol numbers.
const (
	ProtoICMP = 1
	ProtoIGMP = 2
	ProtoTCP  = 6
	ProtoUDP  = 17
	ProtoRaw  = 255
)

// Protocol is an entry of a network layer's protocol table (struct
// net_protocol).
type Protocol interface {
	// Input takes over a whole datagram: the data begins at the transport
	// header, b.Net holds what the network header said.
	Input(b *skb.Buffer) skb.Reason
	// Error reports an ICMP error about a packet that this host sent. b holds
	// the quoted packet: its data begins at the quoted transport header, of
	// which 8 bytes are sure, and b.Net is what the quoted header said. b
	// stays the caller's.
	Error(b *skb.Buffer, e *Error)
}

// ErrorKind is what an ICMP error says, whatever the IP version.
type ErrorKind uint8

// Kinds of error. Those that leave NeedFrag and above report something else
// than an unreachable destination.
const (
	NetUnreachable ErrorKind = iota
	HostUnreachable
	ProtoUnreachable
	PortUnreachable
	AdminProhibited
	SourceRouteFailed
	NeedFrag
	TimeExceeded
	ReasmTimeExceeded
	ParamProblem
)

// Error is an ICMP error, received or to be sent.
type Error struct {
	Kind ErrorKind
	// Type and Code are the message's own, for sockets that show them.
	Type, Code uint8
	// Info is the MTU of NeedFrag, the octet that ParamProblem points at.
	Info uint32
	// From is who sent it.
	From netip.Addr
	// Errno is what a socket's user gets (icmp_err_convert); Hard errors end
	// a connection that is being opened.
	Errno syscall.Errno
	Hard  bool
}

// RouteType says what a destination is to this host (rtnetlink(7)).
type RouteType uint8

// Route types.
const (
	Unicast RouteType = iota
	Local
	Broadcast
	Multicast
)

// Flow is what a route is asked for (struct flowi4).
type Flow struct {
	Dst, Src netip.Addr // Src may be the zero Addr: the route chooses
	Device   int        // index of the device that it must leave by, 0: any
	TOS      uint8
}

// Route is the answer (struct rtable, dst_entry). It is never changed: whoever
// keeps one asks Valid before using it again, and looks it up anew if not.
type Route struct {
	Dst     netip.Addr
	Src     netip.Addr // the source to use, that of the flow if it had one
	NextHop netip.Addr // the gateway, or Dst itself on the link
	Dev     *netdev.Device
	Type    RouteType
	MTU     int // path MTU in bytes, network header included

	Generation uint64
	Table      interface{ Generation() uint64 }
}

// Valid reports whether no route, address or path MTU has changed since.
func (r *Route) Valid() bool { return r != nil && r.Table.Generation() == r.Generation }

// Header is what a transport decides of the network header.
type Header struct {
	Proto   uint8
	TTL     uint8 // 0: the stack's default
	TOS     uint8
	DF      bool   // do not fragment, here or on the way
	Loop    bool   // broadcasts and multicasts come back to this host as well
	Stay    bool   // not beyond this host: a multicast with a time to live of 0
	Options []byte // IPv4 options, padded to 4 bytes
}

// Network is a network layer as the layers above use it.
type Network interface {
	// Route looks a way up. Errors: ENETUNREACH, also for a source that is
	// not ours, EHOSTUNREACH, EINVAL for a source that is no host's, ENODEV.
	Route(f *Flow) (*Route, error)
	// Output puts the network header before b, fragments where allowed and
	// sends it by the route; it takes b over. Errors: EMSGSIZE, EHOSTUNREACH,
	// ENETDOWN, ENOBUFS. A transport that offers a partial checksum sets
	// b.Csum and b.CsumOffset, with b.SetTransport at its header.
	Output(b *skb.Buffer, r *Route, h *Header) error
	// IsLocal reports whether a is an address of this host.
	IsLocal(a netip.Addr) bool
	// MayBind reports whether a socket may be called a: it is this host's, or
	// a device, the one with the given index if that is not 0, may send from
	// any address.
	MayBind(a netip.Addr, device int) bool
	// Borrowed is the index of the device that took the received packet b for
	// this host though its destination is another's, and by which the answer
	// must leave; 0 for what was sent to this host.
	Borrowed(b *skb.Buffer) int
	// Kind says what the address a is, seen from this host.
	Kind(a netip.Addr) RouteType
	// SendError answers the received packet b, whose network header is still
	// marked, with an ICMP error, under the limits of RFC 1122 3.2.2. b stays
	// the caller's.
	SendError(b *skb.Buffer, e *Error)
	// UpdatePMTU lowers the path MTU to dst. The network layer keeps a floor.
	UpdatePMTU(dst netip.Addr, mtu int)
	// Confirm tells the neighbour table that the route's next hop has answered
	// (RFC 4861 7.3.1).
	Confirm(r *Route)
	// Options returns the options of the received packet b, whose network
	// header is still marked, as they came, and those that an answer carries.
	Options(b *skb.Buffer) (received, reply []byte)
	// CompileOptions checks options that a user wants sent, and pads them.
	// Error: EINVAL.
	CompileOptions(p []byte) ([]byte, error)
	// HeaderLen is the length of a network header without options, in bytes.
	HeaderLen() int
}
