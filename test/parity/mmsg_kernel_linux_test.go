package parity

import (
	"net/netip"
	"time"
	"unsafe"

	"github.com/slankdev/ministack/socket"
	"golang.org/x/sys/unix"
)

// mmsghdr is the kernel's struct mmsghdr, which x/sys lacks.
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// vector is what recvmmsg and sendmmsg are given, with what it points at.
type vector struct {
	hdrs  []mmsghdr
	iovs  []unix.Iovec
	names []unix.RawSockaddrInet4
}

func newVector(ms []socket.Message, send bool) *vector {
	v := &vector{make([]mmsghdr, len(ms)), make([]unix.Iovec, len(ms)), make([]unix.RawSockaddrInet4, len(ms))}
	for i := range ms {
		h := &v.hdrs[i].hdr
		if len(ms[i].Data) > 0 {
			v.iovs[i].Base = &ms[i].Data[0]
			v.iovs[i].SetLen(len(ms[i].Data))
		}
		h.Iov = &v.iovs[i]
		h.SetIovlen(1)
		if a := ms[i].Addr; send && a.IsValid() {
			v.names[i] = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swap16(a.Port()), Addr: a.Addr().As4()}
		}
		if !send || ms[i].Addr.IsValid() {
			h.Name, h.Namelen = (*byte)(unsafe.Pointer(&v.names[i])), unix.SizeofSockaddrInet4
		}
	}
	return v
}

func (k *kernel) SendMMsg(ms []socket.Message, flags int) (int, error) {
	v := newVector(ms, true)
	n, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(k.num()), uintptr(unsafe.Pointer(&v.hdrs[0])), uintptr(len(ms)),
		uintptr(flags|unix.MSG_NOSIGNAL), 0, 0)
	if e != 0 {
		return 0, e
	}
	for i := range ms[:n] {
		ms[i].N = int(v.hdrs[i].n)
	}
	return int(n), nil
}

func (k *kernel) RecvMMsg(ms []socket.Message, flags int, timeout time.Duration) (int, error) {
	v := newVector(ms, false)
	var ts *unix.Timespec
	if timeout > 0 {
		t := unix.NsecToTimespec(int64(timeout))
		ts = &t
	}
	n, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(k.num()), uintptr(unsafe.Pointer(&v.hdrs[0])), uintptr(len(ms)),
		uintptr(flags), uintptr(unsafe.Pointer(ts)), 0)
	if e != 0 {
		return 0, e
	}
	for i := range ms[:n] {
		m, h := &ms[i], &v.hdrs[i]
		m.N, m.Flags = int(h.n), int(h.hdr.Flags)
		m.Addr = netip.AddrPortFrom(netip.AddrFrom4(v.names[i].Addr), swap16(v.names[i].Port))
	}
	return int(n), nil
}
