package frames

import (
	"errors"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/netdev/uring"
	"github.com/slankdev/ministack/test/bench/link"
)

// batch is how many frames wait for a flush, and how many are taken at once.
const batch = 32

// Device moves frames by as few system calls as it takes: those of io_uring on a
// TAP, recvmmsg and sendmmsg on a packet socket. Its buffers are its own and are
// used again and again, and so it belongs to one goroutine.
type Device struct {
	Link  link.Spec
	Other [6]byte // the other side's link address

	fd         int
	socket     bool
	front      int           // bytes before the IP packet: virtio header, Ethernet header
	spin       time.Duration // how long it asks again before it sleeps
	own, other [4]byte
	mac        net.HardwareAddr

	in  slots
	out slots
	n   int // frames that wait for a flush

	ring *uring.Ring // of a TAP; nil where there is none to be had
	want int         // how many frames are asked for
}

// Options say what to open, and who is there.
type Options struct {
	Link       link.Spec
	Dev        string
	Own, Other string // addresses
	MAC        string
	Spin       time.Duration // how long the reader asks again before it sleeps
	// Beside opens a packet socket on the kernel's end of the link, without
	// virtio headers: as another station there.
	Beside bool
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

// Open opens a device.
func Open(o Options) (d *Device, err error) {
	if o.Beside {
		o.Link.Offload = false
	}
	d = &Device{Link: o.Link, socket: o.Beside || o.Link.Device == link.Packet, spin: o.Spin}
	d.own, d.other = netip.MustParseAddr(o.Own).As4(), netip.MustParseAddr(o.Other).As4()
	if d.mac, err = net.ParseMAC(o.MAC); err != nil {
		return nil, err
	}
	d.measure()
	if d.socket {
		d.fd, err = o.Link.OpenPacket(o.Dev)
	} else {
		d.fd, err = o.Link.OpenTun(o.Dev)
		d.ring, _ = uring.New(batch) // without it there is a system call a frame
	}
	if err == nil && o.Beside {
		err = d.onlyOwn()
	}
	return d, err
}

// measure makes room for frames with what the link puts before them.
func (d *Device) measure() {
	if d.hasEther() {
		d.front = etherLen
	}
	if d.Link.Offload {
		d.front += vnetLen
	}
	for i := range batch {
		d.in.prepare(i, 1<<16+256)
		d.out.prepare(i, 2048)
	}
}

func (s *slots) prepare(i, size int) {
	s.head[i] = make([]byte, size)
	s.iov[i][0].Base = &s.head[i][0]
	s.iov[i][0].SetLen(size)
	s.msg[i].hdr.Iov = &s.iov[i][0]
	s.msg[i].hdr.SetIovlen(1)
}

// Receive waits for a frame if it may, takes what is there, and calls fn with
// each IP packet. ARP is answered on the way.
func (d *Device) Receive(wait bool, fn func(Packet)) error {
	if !wait {
		return d.ReceiveFor(0, fn)
	}
	return d.ReceiveFor(-1, fn)
}

// ReceiveFor is Receive that waits a time, without end if it is negative.
func (d *Device) ReceiveFor(limit time.Duration, fn func(Packet)) error {
	n, err := d.take()
	for began := time.Now(); err == unix.EAGAIN; n, err = d.take() {
		passed := time.Since(began)
		if limit >= 0 && passed >= limit {
			return nil
		}
		if passed < d.spin {
			continue
		}
		ms := -1
		if limit >= 0 {
			ms = int((limit - passed + time.Millisecond) / time.Millisecond)
		}
		if err := d.Sleep(unix.POLLIN, ms); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	for i := range n {
		d.look(d.in.head[i][:d.in.msg[i].len], fn)
	}
	return nil
}

// Mine reports whether a packet is to the device's own address.
func (d *Device) Mine(p Packet) bool { return [4]byte(p.IP[16:20]) == d.own }

// take reads up to a batch of frames.
func (d *Device) take() (int, error) {
	if d.socket {
		r, _, e := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(d.fd), uintptr(unsafe.Pointer(&d.in.msg)), batch, unix.MSG_DONTWAIT, 0, 0)
		return int(r), errno(e)
	}
	if d.ring != nil {
		return d.takeByRing()
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

// takeByRing asks for more frames than there were the last time.
func (d *Device) takeByRing() (n int, err error) {
	asked := min(max(d.want, 2), batch)
	for i := range asked {
		d.ring.Readv(d.fd, d.in.iov[i][:1])
	}
	for i, res := range d.ring.Do() {
		if res < 0 {
			err = errno(unix.Errno(-res))
			continue
		}
		d.in.swap(i, n)
		d.in.msg[n].len = uint32(res)
		n++
	}
	if d.want = n + 1; n == asked {
		d.want = 2 * asked
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// swap has two places change their storage.
func (s *slots) swap(i, j int) {
	s.head[i], s.head[j] = s.head[j], s.head[i]
	s.iov[i], s.iov[j] = s.iov[j], s.iov[i]
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

// Sleep waits for the descriptor, for a time in ms, or without end for -1.
func (d *Device) Sleep(events int16, ms int) error {
	_, err := unix.Poll([]unix.PollFd{{Fd: int32(d.fd), Events: events}}, ms)
	if err == unix.EINTR {
		err = nil
	}
	return err
}

func (d *Device) look(frame []byte, fn func(Packet)) {
	if len(frame) < d.front {
		return
	}
	if d.hasEther() {
		eth := frame[d.front-etherLen:]
		copy(d.Other[:], eth[6:12])
		if be.Uint16(eth[12:]) == typeARP {
			d.answerARP(frame[d.front:])
			return
		}
	}
	if p, ok := parse(frame[d.front:]); ok {
		fn(p)
	}
}

func (d *Device) hasEther() bool { return d.Link.Device != link.TUN }

// answerARP says that the stack's address is here (RFC 826).
func (d *Device) answerARP(q []byte) {
	if len(q) < arpLen || be.Uint16(q[6:]) != 1 || [4]byte(q[24:28]) != d.own {
		return
	}
	h := d.next(typeARP)
	copy(h, q[:arpLen])
	be.PutUint16(h[6:], 2)
	copy(h[8:], d.mac)
	copy(h[14:], d.own[:])
	copy(h[18:], q[8:18])
	d.queue(arpLen, nil)
	d.Flush()
}

// Meet learns the host's link address.
func (d *Device) Meet() error {
	for try := 0; d.hasEther() && (d.Other == [6]byte{} || d.Other[0] == 0xff); try++ {
		if try == 100 {
			return errors.New("the peer does not answer ARP")
		}
		d.askARP()
		_ = d.Sleep(unix.POLLIN, 20)
		if err := d.Receive(false, func(Packet) {}); err != nil {
			return err
		}
	}
	return nil
}

// askARP asks for the host's address, which look learns from the answer.
func (d *Device) askARP() {
	copy(d.Other[:], "\xff\xff\xff\xff\xff\xff")
	h := d.next(typeARP)
	clear(h[:arpLen])
	copy(h, []byte{0, 1, 8, 0, 6, 4, 0, 1})
	copy(h[8:], d.mac)
	copy(h[14:], d.own[:])
	copy(h[24:], d.other[:])
	d.queue(arpLen, nil)
	d.Flush()
}
