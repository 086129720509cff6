package socket

import (
	"net"
	"os"
	"sync"
	"syscall"

	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/igmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/ping"
	"github.com/slankdev/ministack/raw"
	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/trace"
	"github.com/slankdev/ministack/udp"
)

// Protocols are the modules that sockets stand on.
type Protocols struct {
	IP     *ipv4.Module
	ICMP   *icmp.Module
	IGMP   *igmp.Module
	Ping   *ping.Module
	Raw    *raw.Module
	UDP    *udp.Module
	TCP    *tcp.Module
	Packet *packet.Module
}

// Family makes the sockets of a stack: the table of what (type, protocol) is
// whose (af_inet.c, inetsw_array).
type Family struct {
	env   *inet.Env
	proto Protocols
	table []kind
	set   settings
	open  openSockets
	calls sync.Pool // of *call

	unbounded bounds // of all sockets that have no bounds; never changed
}

// kind is one row of the table; protocol 0 is any.
type kind struct {
	typ, protocol int
	make          func(protocol int) Ops
}

// settings are the sysctls of net.core that sockets share.
type settings struct {
	rmemMax, wmemMax, rmemDefault, wmemDefault *sysctl.Int
	pingGroups                                 *sysctl.Vector
}

// New returns the socket layer of a stack.
func New(env *inet.Env, p Protocols) *Family {
	f := &Family{env: env, proto: p}
	const most = 1 << 30
	f.set.rmemMax = env.Sysctl.Int("net.core.rmem_max", 4<<20, minRcvBuf, most)
	f.set.wmemMax = env.Sysctl.Int("net.core.wmem_max", 4<<20, minSndBuf, most)
	f.set.rmemDefault = env.Sysctl.Int("net.core.rmem_default", 212992, minRcvBuf, most)
	f.set.wmemDefault = env.Sysctl.Int("net.core.wmem_default", 212992, minSndBuf, most)
	f.set.pingGroups = env.Sysctl.Vector("net.ipv4.ping_group_range", 0, 1<<31-1)
	f.open.asleep = map[*Poller]int{}
	f.table = []kind{
		{SOCK_STREAM, IPPROTO_TCP, func(int) Ops { return streamOps{p.TCP.NewSock()} }},
		{SOCK_DGRAM, IPPROTO_UDP, f.newDatagram},
		{SOCK_DGRAM, IPPROTO_ICMP, f.newPing},
		{SOCK_RAW, IPPROTO_IP, f.newRaw},
	}
	return f
}

func (f *Family) newDatagram(int) Ops {
	s := f.proto.UDP.NewSock()
	f.size(&s.Sock)
	return dgramOps{s}
}

// size gives a socket's buffers their default sizes (sock_init_data).
func (f *Family) size(s *inet.Sock) {
	s.RcvBuf.Store(int32(f.set.rmemDefault.Get()))
	s.SndBuf.Store(int32(f.set.wmemDefault.Get()))
}

const (
	maxProtocol = 263 // IPPROTO_MAX, MPTCP's number and one
	maxType     = 11  // SOCK_MAX
)

// Socket makes a socket (socket(2), B1). Errors: EAFNOSUPPORT, EINVAL for a
// type or protocol that cannot be, ESOCKTNOSUPPORT for a type that is not
// there, EPROTONOSUPPORT for a protocol that the type does not have, EACCES for
// a ping socket outside of net.ipv4.ping_group_range.
func (f *Family) Socket(domain, typ, protocol int) (*Socket, error) {
	nonblock := typ&SOCK_NONBLOCK != 0
	typ &^= SOCK_NONBLOCK | SOCK_CLOEXEC
	k, err := f.kind(domain, typ, protocol)
	if err != nil {
		return nil, err
	}
	s := f.enter(&Socket{ops: k.make(k.protocol), domain: uint8(domain), typ: uint8(typ), protocol: int32(k.protocol)})
	if s == nil {
		return nil, net.ErrClosed
	}
	s.SetNonblock(nonblock)
	if tr := f.env.Trace; tr.On(trace.SockOpen) {
		tr.Event(trace.SockOpen, s.ops.Common().ID, uint32(domain), uint32(typ), uint32(protocol), 0)
	}
	return s, nil
}

// kind finds what is to be made, by the family first (net_families).
func (f *Family) kind(domain, typ, protocol int) (kind, error) {
	switch {
	case domain != AF_INET && domain != AF_PACKET:
		return kind{}, syscall.EAFNOSUPPORT
	case typ < 0 || typ >= maxType:
		return kind{}, syscall.EINVAL
	case domain == AF_PACKET:
		return f.packet(typ, protocol)
	}
	return f.inet(typ, protocol)
}

// inet is inet_create.
func (f *Family) inet(typ, protocol int) (kind, error) {
	if protocol < 0 || protocol >= maxProtocol {
		return kind{}, syscall.EINVAL
	}
	k, err := f.find(typ, protocol)
	if err == nil && k.typ == SOCK_DGRAM && k.protocol == IPPROTO_ICMP && !f.mayPing() {
		err = syscall.EACCES
	}
	return k, err
}

// packet is packet_create. The protocol is an EtherType, in host order; it is
// no number of the SO_PROTOCOL kind.
func (f *Family) packet(typ, protocol int) (kind, error) {
	switch {
	case typ != SOCK_RAW && typ != SOCK_DGRAM:
		return kind{}, syscall.ESOCKTNOSUPPORT
	case protocol < 0 || protocol > 0xffff:
		return kind{}, syscall.EINVAL
	}
	return kind{typ: typ, make: func(int) Ops { return f.newPacket(typ, uint16(protocol)) }}, nil
}

// find looks (type, protocol) up (inet_create). A row of protocol 0 takes any
// other, and protocol 0 takes the type's first row that has one: raw sockets
// have none (B1).
func (f *Family) find(typ, protocol int) (kind, error) {
	err := syscall.ESOCKTNOSUPPORT
	for _, k := range f.table {
		if k.typ != typ {
			continue
		}
		switch {
		case protocol == k.protocol && protocol != IPPROTO_IP, protocol == IPPROTO_IP && k.protocol != IPPROTO_IP:
			return k, nil
		case protocol != k.protocol && k.protocol == IPPROTO_IP:
			k.protocol = protocol
			return k, nil
		}
		err = syscall.EPROTONOSUPPORT
	}
	return kind{}, err
}

// mayPing reports whether the process' group may have ping sockets (B48). On
// systems without groups only an empty range forbids them.
func (f *Family) mayPing() bool {
	low, high := f.set.pingGroups.Get(0), f.set.pingGroups.Get(1)
	group := os.Getegid()
	return low <= high && (group < 0 || low <= group && group <= high)
}
