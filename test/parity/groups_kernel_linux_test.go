package parity

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"github.com/slankdev/ministack/inet"
	"golang.org/x/sys/unix"
)

// The kernel's structures for multicast groups (ip(7), RFC 3678 5): a device's
// index, and addresses as struct sockaddr_storage.

const storageLen = 128

func storage(a netip.Addr) []byte {
	p := make([]byte, storageLen)
	binary.NativeEndian.PutUint16(p, unix.AF_INET)
	b := a.As4()
	copy(p[4:], b[:])
	return p
}

// groupRequest is a struct group_req, or, with a source, group_source_req.
func groupRequest(device int, addrs ...netip.Addr) []byte {
	p := binary.NativeEndian.AppendUint32(nil, uint32(device))
	p = append(p, 0, 0, 0, 0)
	for _, a := range addrs {
		p = append(p, storage(a)...)
	}
	return p
}

func (k *kernel) Membership(name int, group netip.Addr, device int) error {
	if name == unix.MCAST_JOIN_GROUP || name == unix.MCAST_LEAVE_GROUP {
		return k.SetsockoptString(unix.SOL_IP, name, string(groupRequest(device, group)))
	}
	return unix.SetsockoptIPMreqn(k.num(), unix.SOL_IP, name, &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(device)})
}

func (k *kernel) SourceMembership(name int, group, source netip.Addr, device int) error {
	return k.SetsockoptString(unix.SOL_IP, name, string(groupRequest(device, group, source)))
}

func (k *kernel) SetSourceFilter(group netip.Addr, device int, f inet.Filter) error {
	p := groupRequest(device, group)
	mode := uint32(unix.MCAST_INCLUDE)
	if f.Exclude {
		mode = unix.MCAST_EXCLUDE
	}
	p = binary.NativeEndian.AppendUint32(p, mode)
	p = binary.NativeEndian.AppendUint32(p, uint32(len(f.Sources)))
	for _, s := range f.Sources {
		p = append(p, storage(s)...)
	}
	for len(p) < 8+2*storageLen+8 { // the structure has room for one source at least
		p = append(p, 0)
	}
	return k.SetsockoptString(unix.SOL_IP, unix.MCAST_MSFILTER, string(p))
}

func (k *kernel) SourceFilter(group netip.Addr, device int) (inet.Filter, error) {
	const most = 16
	p := append(groupRequest(device, group), make([]byte, 8+most*storageLen)...)
	binary.NativeEndian.PutUint32(p[8+storageLen+4:], most)
	size := uint32(len(p))
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(k.num()), unix.SOL_IP, unix.MCAST_MSFILTER,
		uintptr(unsafe.Pointer(&p[0])), uintptr(unsafe.Pointer(&size)), 0)
	if e != 0 {
		return inet.Filter{}, e
	}
	rest := p[8+storageLen:]
	var sources []netip.Addr
	for i := range binary.NativeEndian.Uint32(rest[4:]) {
		sources = append(sources, netip.AddrFrom4([4]byte(rest[8+int(i)*storageLen+4:])))
	}
	return inet.NewFilter(binary.NativeEndian.Uint32(rest) == unix.MCAST_EXCLUDE, sources), nil
}
