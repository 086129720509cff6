package socket

import (
	"syscall"
	"time"

	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/udp"
)

// Protocols are the modules that sockets stand on.
type Protocols struct {
	IP   *ipv4.Module
	ICMP *icmp.Module
	UDP  *udp.Module
	TCP  *tcp.Module
}

// Family makes the sockets of a stack: the table of what (type, protocol) is
// whose (af_inet.c, inetsw_array).
type Family struct {
	env   *inet.Env
	proto Protocols
	table []kind
	set   settings
}

// kind is one row of the table.
type kind struct {
	typ, protocol int
	make          func() Ops
}

// settings are the sysctls of net.core that sockets share.
type settings struct {
	rmemMax, wmemMax, rmemDefault, wmemDefault *sysctl.Int
}

// New returns the socket layer of a stack.
func New(env *inet.Env, p Protocols) *Family {
	f := &Family{env: env, proto: p}
	const most = 1 << 30
	f.set.rmemMax = env.Sysctl.Int("net.core.rmem_max", 212992, minRcvBuf, most)
	f.set.wmemMax = env.Sysctl.Int("net.core.wmem_max", 212992, minSndBuf, most)
	f.set.rmemDefault = env.Sysctl.Int("net.core.rmem_default", 212992, minRcvBuf, most)
	f.set.wmemDefault = env.Sysctl.Int("net.core.wmem_default", 212992, minSndBuf, most)
	f.table = []kind{
		{SOCK_STREAM, IPPROTO_TCP, func() Ops { return streamOps{p.TCP.NewSock()} }},
		{SOCK_DGRAM, IPPROTO_UDP, f.newDatagram},
		{SOCK_DGRAM, IPPROTO_ICMP, func() Ops { return newPing(env, p) }},
	}
	return f
}

func (f *Family) newDatagram() Ops {
	s := f.proto.UDP.NewSock()
	s.RcvBuf.Store(int32(f.set.rmemDefault.Get()))
	s.SndBuf.Store(int32(f.set.wmemDefault.Get()))
	return dgramOps{s}
}

// maxProtocol is IPPROTO_MAX, MPTCP's number and one.
const maxProtocol = 263

// Socket makes a socket (socket(2), B1). Errors: EAFNOSUPPORT, EINVAL for a
// protocol that cannot be, EPROTONOSUPPORT for one that the type does not
// have, ESOCKTNOSUPPORT for a type that is not there.
func (f *Family) Socket(domain, typ, protocol int) (*Socket, error) {
	if domain != AF_INET {
		return nil, syscall.EAFNOSUPPORT
	}
	nonblock := typ&SOCK_NONBLOCK != 0
	typ &^= SOCK_NONBLOCK
	if protocol < 0 || protocol >= maxProtocol {
		return nil, syscall.EINVAL
	}
	err := syscall.ESOCKTNOSUPPORT
	for _, k := range f.table {
		if k.typ != typ {
			continue
		}
		err = syscall.EPROTONOSUPPORT
		if protocol == k.protocol || protocol == IPPROTO_IP {
			s := &Socket{ops: k.make(), family: f, domain: domain, typ: typ, protocol: k.protocol}
			s.nonblock.Store(nonblock)
			return s, nil
		}
	}
	return nil, err
}

func durationOf(ns int64) time.Duration { return time.Duration(ns) }
