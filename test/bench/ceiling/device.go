package ceiling

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/test/bench/link"
)

// batch is how many frames wait for a flush, and how many are taken at once.
const batch = 32

// device moves frames by as few system calls as it takes: readv and writev on
// a TAP, recvmmsg and sendmmsg on a packet socket. Its buffers are its own and
// are used again and again.
type device struct {
	fd     int
	socket bool
	link   link.Spec
	front  int           // bytes before the IP packet: virtio header, Ethernet header
	spin   time.Duration // how long it asks again before it sleeps
	peer   [6]byte       // the host's link address

	in  slots
	out slots
	n   int // frames that wait for a flush
}

// slots are a batch of frames: a head each, and for those that are sent a body
// that may be shared.
type slots struct {
	head [batch][]byte
	iov  [batch][2]unix.Iovec
	msg  [batch]mmsghdr
}

type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   uint32
}

func openDevice(o Options) (*device, error) {
	d := &device{link: o.Link, socket: o.Link.Device == link.Packet, spin: o.Spin}
	if o.Link.Device != link.TUN {
		d.front = etherLen
	}
	if o.Link.Offload {
		d.front += vnetLen
	}
	var err error
	if d.socket {
		d.fd, err = o.Link.OpenPacket(o.Dev)
	} else {
		d.fd, err = o.Link.OpenTun(o.Dev)
	}
	for i := range batch {
		d.in.prepare(i, 1<<16+256)
		d.out.prepare(i, 2048)
	}
	return d, err
}

func (s *slots) prepare(i, size int) {
	s.head[i] = make([]byte, size)
	s.iov[i][0].Base = &s.head[i][0]
	s.iov[i][0].SetLen(size)
	s.msg[i].hdr.Iov = &s.iov[i][0]
	s.msg[i].hdr.SetIovlen(1)
}

// receive waits for a frame if it may, takes what is there, and calls fn with
// each IP packet. ARP is answered on the way.
func (d *device) receive(wait bool, fn func(packet)) error {
	n, err := d.take()
	for began := time.Now(); err == unix.EAGAIN && wait; n, err = d.take() {
		if d.spin > 0 && time.Since(began) < d.spin {
			continue
		}
		if err := d.sleep(unix.POLLIN, -1); err != nil {
			return err
		}
	}
	if err == unix.EAGAIN {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range n {
		d.look(d.in.head[i][:d.in.msg[i].len], fn)
	}
	return nil
}

// take reads up to a batch of frames.
func (d *device) take() (int, error) {
	if d.socket {
		r, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(d.fd), uintptr(unsafe.Pointer(&d.in.msg)), batch, unix.MSG_DONTWAIT, 0, 0)
		return int(r), errno(e)
	}
	for i := range batch {
		r, _, e := unix.Syscall(unix.SYS_READ, uintptr(d.fd), uintptr(unsafe.Pointer(d.in.iov[i][0].Base)), uintptr(d.in.iov[i][0].Len))
		if e != 0 {
			if i > 0 {
				return i, nil
			}
			return 0, errno(e)
		}
		d.in.msg[i].len = uint32(r)
	}
	return batch, nil
}

func errno(e unix.Errno) error {
	if e == 0 {
		return nil
	}
	if e == unix.EINTR {
		return unix.EAGAIN
	}
	return e
}

// sleep waits for the descriptor, for a time in ms, or without end for -1.
func (d *device) sleep(events int16, ms int) error {
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(d.fd), Events: events}}, ms)
	if err == unix.EINTR {
		err = nil
	}
	return err
}

func (d *device) look(frame []byte, fn func(packet)) {
	if len(frame) < d.front {
		return
	}
	if d.hasEther() {
		eth := frame[d.front-etherLen:]
		copy(d.peer[:], eth[6:12])
		if be.Uint16(eth[12:]) == typeARP {
			d.answerARP(frame[d.front:])
			return
		}
	}
	if p, ok := parse(frame[d.front:]); ok {
		fn(p)
	}
}

func (d *device) hasEther() bool { return d.link.Device != link.TUN }

// answerARP says that the stack's address is here (RFC 826).
func (d *device) answerARP(q []byte) {
	if len(q) < arpLen || be.Uint16(q[6:]) != 1 || [4]byte(q[24:28]) != guestIP {
		return
	}
	h := d.next(typeARP)
	copy(h, q[:arpLen])
	be.PutUint16(h[6:], 2)
	copy(h[8:], ownMAC)
	copy(h[14:], guestIP[:])
	copy(h[18:], q[8:18])
	d.queue(arpLen, nil)
	d.flush()
}

// askARP asks for the host's address, which look learns from the answer.
func (d *device) askARP() {
	copy(d.peer[:], "\xff\xff\xff\xff\xff\xff")
	h := d.next(typeARP)
	clear(h[:arpLen])
	copy(h, []byte{0, 1, 8, 0, 6, 4, 0, 1})
	copy(h[8:], ownMAC)
	copy(h[14:], guestIP[:])
	copy(h[24:], hostIP[:])
	d.queue(arpLen, nil)
	d.flush()
}

// next is the place of the next frame's network header. Virtio and Ethernet
// headers are written.
func (d *device) next(etherType uint16) []byte {
	if d.n == batch {
		d.flush()
	}
	h := d.out.head[d.n]
	clear(h[:d.front])
	if d.hasEther() {
		eth := h[d.front-etherLen:]
		copy(eth, d.peer[:])
		copy(eth[6:], ownMAC)
		be.PutUint16(eth[12:], etherType)
	}
	return h[d.front:]
}

// vnet is the next frame's virtio header, nil without.
func (d *device) vnet() []byte {
	if !d.link.Offload {
		return nil
	}
	return d.out.head[d.n][:vnetLen]
}

// queue ends the frame that next began, of which headers bytes are written,
// with a body that stays the caller's.
func (d *device) queue(headers int, body []byte) {
	iov, hdr := &d.out.iov[d.n], &d.out.msg[d.n].hdr
	iov[0].SetLen(d.front + headers)
	hdr.SetIovlen(1)
	if len(body) > 0 {
		iov[1].Base = &body[0]
		iov[1].SetLen(len(body))
		hdr.SetIovlen(2)
	}
	d.n++
}

// flush sends what is queued. What the device has no room for waits.
func (d *device) flush() {
	for done := 0; done < d.n; {
		n, err := d.put(done)
		done += n
		switch err {
		case nil:
		case unix.EAGAIN, unix.ENOBUFS:
			_ = d.sleep(unix.POLLOUT, 1)
		default:
			panic(fmt.Sprintf("sending a frame: %v", err))
		}
	}
	d.n = 0
}

func (d *device) put(from int) (int, error) {
	if d.socket {
		r, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(d.fd), uintptr(unsafe.Pointer(&d.out.msg[from])), uintptr(d.n-from), unix.MSG_DONTWAIT, 0, 0)
		if e != 0 {
			return 0, errno(e)
		}
		return int(r), nil
	}
	_, _, e := unix.Syscall(unix.SYS_WRITEV, uintptr(d.fd), uintptr(unsafe.Pointer(&d.out.iov[from])), uintptr(d.out.msg[from].hdr.Iovlen))
	if e != 0 {
		return 0, errno(e)
	}
	return 1, nil
}

// describe has the host finish a checksum at off of the transport header, and
// cut what is longer than mss.
func (d *device) describe(transport, off, mss, payload int) {
	h := d.vnet()
	h[0] = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	start := d.front - vnetLen + ipLen
	binary.NativeEndian.PutUint16(h[6:], uint16(start))
	binary.NativeEndian.PutUint16(h[8:], uint16(off))
	if payload > mss {
		h[1] = 1 // VIRTIO_NET_HDR_GSO_TCPV4
		binary.NativeEndian.PutUint16(h[2:], uint16(start+transport))
		binary.NativeEndian.PutUint16(h[4:], uint16(mss))
	}
}
