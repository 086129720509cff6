package parity

import (
	"math/bits"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/socket"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// kernel is a socket of the kernel. Options that Linux has as structures are
// numbers here, as package socket has them.
//
// Goroutines of a test may call while its end closes the socket.
type kernel struct{ fd atomic.Int64 }

func newKernel(fd int) *kernel {
	k := &kernel{}
	k.fd.Store(int64(fd))
	return k
}

func (k *kernel) num() int { return int(k.fd.Load()) }

func kernelSocket(domain, typ, protocol int) (calls, error) {
	if domain == unix.AF_PACKET {
		protocol = int(swap16(uint16(protocol)))
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, err
	}
	return newKernel(fd), nil
}

func swap16(v uint16) uint16 { return v<<8 | v>>8 }

// again repeats a call that a signal of Go's scheduler interrupted.
func again[T any](f func() (T, error)) (T, error) {
	for {
		v, err := f()
		if err != unix.EINTR {
			return v, err
		}
	}
}

func again0(f func() error) error {
	_, err := again(func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if !a.IsValid() {
		return nil
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	if a, ok := sa.(*unix.SockaddrInet4); ok {
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

func linkAddr(sa unix.Sockaddr) socket.LinkAddr {
	l, ok := sa.(*unix.SockaddrLinklayer)
	if !ok {
		return socket.LinkAddr{}
	}
	return socket.LinkAddr{Protocol: swap16(l.Protocol), IfIndex: l.Ifindex, HaType: l.Hatype, PktType: l.Pkttype,
		HaLen: l.Halen, Addr: l.Addr}
}

func linkSockaddr(l *socket.LinkAddr) unix.Sockaddr {
	return &unix.SockaddrLinklayer{Protocol: swap16(l.Protocol), Ifindex: l.IfIndex, Hatype: l.HaType,
		Pkttype: l.PktType, Halen: l.HaLen, Addr: l.Addr}
}

func (k *kernel) Bind(a netip.AddrPort) error { return unix.Bind(k.num(), sockaddr(a)) }

func (k *kernel) BindLink(l socket.LinkAddr) error { return unix.Bind(k.num(), linkSockaddr(&l)) }

func (k *kernel) Listen(backlog int) error { return unix.Listen(k.num(), backlog) }

func (k *kernel) accept() (calls, netip.AddrPort, error) {
	type pair struct {
		fd   int
		from unix.Sockaddr
	}
	p, err := again(func() (pair, error) {
		fd, from, err := unix.Accept4(k.num(), unix.SOCK_CLOEXEC)
		return pair{fd, from}, err
	})
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	return newKernel(p.fd), addrPort(p.from), nil
}

func (k *kernel) Connect(to netip.AddrPort) error {
	return again0(func() error { return unix.Connect(k.num(), sockaddr(to)) })
}

func (k *kernel) Disconnect() error {
	raw := unix.RawSockaddrInet4{Family: unix.AF_UNSPEC}
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(k.num()), uintptr(unsafe.Pointer(&raw)), unix.SizeofSockaddrInet4)
	return errnoOr(e)
}

func errnoOr(e syscall.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

func (k *kernel) Send(p []byte, flags int) (int, error) { return k.SendTo(p, flags, netip.AddrPort{}) }

func (k *kernel) SendTo(p []byte, flags int, to netip.AddrPort) (int, error) {
	return again(func() (int, error) { return unix.SendmsgN(k.num(), p, nil, sockaddr(to), flags|unix.MSG_NOSIGNAL) })
}

func (k *kernel) SendMsg(m *socket.Message, flags int) (int, error) {
	to := sockaddr(m.Addr)
	if m.Link != (socket.LinkAddr{}) {
		to = linkSockaddr(&m.Link)
	}
	return again(func() (int, error) {
		return unix.SendmsgN(k.num(), m.Data, ancillary(&m.Control), to, flags|unix.MSG_NOSIGNAL)
	})
}

func (k *kernel) Recv(p []byte, flags int) (int, error) {
	n, _, err := k.RecvFrom(p, flags)
	return n, err
}

func (k *kernel) RecvFrom(p []byte, flags int) (int, netip.AddrPort, error) {
	m := socket.Message{Data: p}
	n, err := k.RecvMsg(&m, flags)
	return n, m.Addr, err
}

func (k *kernel) RecvMsg(m *socket.Message, flags int) (int, error) {
	type result struct {
		n, oobn, flags int
		from           unix.Sockaddr
	}
	oob := make([]byte, 1024)
	r, err := again(func() (result, error) {
		n, oobn, f, from, err := unix.Recvmsg(k.num(), m.Data, oob, flags)
		return result{n, oobn, f, from}, err
	})
	if err != nil {
		return 0, err
	}
	m.Addr, m.Link, m.Flags, m.N = addrPort(r.from), linkAddr(r.from), r.flags, min(r.n, len(m.Data))
	return r.n, told(m, oob[:r.oobn])
}

// sockError reads a struct sock_extended_err with the offender behind it.
func sockError(m *socket.Message, p []byte) *inet.SockError {
	e := (*unix.SockExtendedErr)(unsafe.Pointer(&p[0]))
	s := &inet.SockError{Errno: syscall.Errno(e.Errno), Origin: e.Origin, Type: e.Type, Code: e.Code, Info: e.Info, To: m.Addr}
	if len(p) >= 16+8 && p[16] == unix.AF_INET {
		s.Offender = netip.AddrFrom4([4]byte(p[20:24]))
	}
	return s
}

func (k *kernel) Shutdown(how int) error { return unix.Shutdown(k.num(), how) }

func (k *kernel) Close() error {
	return unix.Close(int(k.fd.Swap(-1)))
}

func (k *kernel) Getsockname() (netip.AddrPort, error) {
	sa, err := unix.Getsockname(k.num())
	return addrPort(sa), err
}

func (k *kernel) GetsocknameLink() (socket.LinkAddr, error) {
	sa, err := unix.Getsockname(k.num())
	return linkAddr(sa), err
}

func (k *kernel) PacketMembership(name int, r socket.PacketMreq) error {
	return unix.SetsockoptPacketMreq(k.num(), unix.SOL_PACKET, name,
		&unix.PacketMreq{Ifindex: int32(r.IfIndex), Type: r.Type, Alen: uint16(r.ALen), Address: r.Addr})
}

func (k *kernel) PacketStatistics() (packet.Statistics, error) {
	st, err := unix.GetsockoptTpacketStats(k.num(), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return packet.Statistics{}, err
	}
	return packet.Statistics{Packets: st.Packets, Drops: st.Drops}, nil
}

func (k *kernel) AttachFilter(program []bpf.RawInstruction) error {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(program)))}
	return unix.SetsockoptSockFprog(k.num(), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &p)
}

func (k *kernel) DetachFilter() error {
	return unix.SetsockoptInt(k.num(), unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
}

func (k *kernel) Getpeername() (netip.AddrPort, error) {
	sa, err := unix.Getpeername(k.num())
	return addrPort(sa), err
}

func (k *kernel) SetNonblock(on bool) { _ = unix.SetNonblock(k.num(), on) }

func (k *kernel) Setsockopt(level, name, value int) error {
	if level == unix.SOL_IP && name == unix.IP_UNICAST_IF {
		value = int(bits.ReverseBytes32(uint32(value)))
	}
	if level == unix.SOL_IP && name == unix.IP_MULTICAST_IF {
		return unix.SetsockoptIPMreqn(k.num(), level, name, &unix.IPMreqn{Ifindex: int32(value)})
	}
	if level != unix.SOL_SOCKET {
		return unix.SetsockoptInt(k.num(), level, name, value)
	}
	switch name {
	case unix.SO_RCVTIMEO, unix.SO_SNDTIMEO:
		tv := unix.NsecToTimeval(int64(value) * int64(time.Microsecond))
		return unix.SetsockoptTimeval(k.num(), level, name, &tv)
	case unix.SO_LINGER:
		l := unix.Linger{Onoff: 1, Linger: int32(value)}
		if value < 0 {
			l = unix.Linger{}
		}
		return unix.SetsockoptLinger(k.num(), level, name, &l)
	case unix.SO_BINDTODEVICE:
		return k.bindToDevice(value)
	}
	return unix.SetsockoptInt(k.num(), level, name, value)
}

func (k *kernel) bindToDevice(index int) error {
	if index == 0 {
		return unix.BindToDevice(k.num(), "")
	}
	i, err := net.InterfaceByIndex(index)
	if err != nil {
		return syscall.ENODEV
	}
	return unix.BindToDevice(k.num(), i.Name)
}

func (k *kernel) Getsockopt(level, name int) (int, error) {
	if level == unix.SOL_SOCKET && (name == unix.SO_RCVTIMEO || name == unix.SO_SNDTIMEO) {
		var tv unix.Timeval
		size := uint32(unsafe.Sizeof(tv))
		_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(k.num()), uintptr(level), uintptr(name),
			uintptr(unsafe.Pointer(&tv)), uintptr(unsafe.Pointer(&size)), 0)
		return int(tv.Nano() / 1000), errnoOr(e)
	}
	v, err := unix.GetsockoptInt(k.num(), level, name)
	if level == unix.SOL_IP && name == unix.IP_UNICAST_IF {
		v = int(bits.ReverseBytes32(uint32(v)))
	}
	return v, err
}

func (k *kernel) SetsockoptString(level, name int, value string) error {
	return unix.SetsockoptString(k.num(), level, name, value)
}

func (k *kernel) GetsockoptString(level, name int) (string, error) {
	p := make([]byte, 256)
	size := uint32(len(p))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(k.num()), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&p[0])), uintptr(unsafe.Pointer(&size)), 0)
	return string(p[:size]), errnoOr(e)
}

func (k *kernel) Ioctl(request int) (int, error) { return unix.IoctlGetInt(k.num(), uint(request)) }

func (k *kernel) Poll() inet.Ready {
	p := []unix.PollFd{{Fd: int32(k.num()), Events: unix.POLLIN | unix.POLLOUT | unix.POLLPRI | unix.POLLRDHUP}}
	if err := again0(func() error { _, err := unix.Poll(p, 0); return err }); err != nil {
		return 0
	}
	return inet.Ready(p[0].Revents)
}
