package netdev

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// The little of rtnetlink(7) for which there is no ioctl.

// nlRequest is a request in the making: a message header, and attributes that
// may be nested.
type nlRequest struct{ b []byte }

func newLinkRequest(flags uint16, index int) *nlRequest {
	r := &nlRequest{make([]byte, unix.SizeofNlMsghdr, 256)}
	binary.NativeEndian.PutUint16(r.b[4:], unix.RTM_NEWLINK)
	binary.NativeEndian.PutUint16(r.b[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	r.linkInfo(index)
	return r
}

// linkInfo appends a struct ifinfomsg.
func (r *nlRequest) linkInfo(index int) {
	var info [unix.SizeofIfInfomsg]byte
	binary.NativeEndian.PutUint32(info[4:], uint32(index))
	r.b = append(r.b, info[:]...)
}

// attr appends an attribute, padded to four bytes.
func (r *nlRequest) attr(kind uint16, data []byte) {
	r.nest(kind, func() { r.b = append(r.b, data...) })
}

// nest appends an attribute that holds what inside appends.
func (r *nlRequest) nest(kind uint16, inside func()) {
	at := len(r.b)
	r.b = append(r.b, 0, 0, 0, 0)
	inside()
	binary.NativeEndian.PutUint16(r.b[at:], uint16(len(r.b)-at))
	binary.NativeEndian.PutUint16(r.b[at+2:], kind)
	for len(r.b)%4 != 0 {
		r.b = append(r.b, 0)
	}
}

// do sends the request and returns the kernel's verdict, an errno.
func (r *nlRequest) do() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	binary.NativeEndian.PutUint32(r.b, uint32(len(r.b)))
	if err := unix.Sendto(fd, r.b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	var reply [4096]byte
	n, _, err := unix.Recvfrom(fd, reply[:], 0)
	if err != nil {
		return os.NewSyscallError("recvfrom", err)
	}
	return nlVerdict(reply[:n])
}

// nlVerdict reads the error of an NLMSG_ERROR message; 0 is an acknowledgement.
func nlVerdict(p []byte) error {
	if len(p) < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(p[4:]) != unix.NLMSG_ERROR {
		return unix.EBADMSG
	}
	if code := int32(binary.NativeEndian.Uint32(p[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
