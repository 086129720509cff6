package frames

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// next is the place of the next frame's network header. Virtio and Ethernet
// headers are written.
func (d *Device) next(etherType uint16) []byte {
	if d.n == batch {
		d.Flush()
	}
	h := d.out.head[d.n]
	clear(h[:d.front])
	if d.hasEther() {
		eth := h[d.front-etherLen:]
		copy(eth, d.Other[:])
		copy(eth[6:], d.mac)
		be.PutUint16(eth[12:], etherType)
	}
	return h[d.front:]
}

// vnet is the next frame's virtio header, nil without.
func (d *Device) vnet() []byte {
	if !d.Link.Offload {
		return nil
	}
	return d.out.head[d.n][:vnetLen]
}

// queue ends the frame that next began, of which headers bytes are written,
// with a body that stays the caller's.
func (d *Device) queue(headers int, body []byte) {
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

// Flush sends what is queued. What the device has no room for waits.
func (d *Device) Flush() {
	for done := 0; done < d.n; {
		n, err := d.put(done)
		done += n
		switch err {
		case nil:
		case unix.EAGAIN, unix.ENOBUFS:
			_ = d.Sleep(unix.POLLOUT, 1)
		default:
			panic(fmt.Sprintf("sending a frame: %v", err))
		}
	}
	d.n = 0
}

func (d *Device) put(from int) (int, error) {
	if d.socket {
		r, _, e := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(d.fd), uintptr(unsafe.Pointer(&d.out.msg[from])), uintptr(d.n-from), unix.MSG_DONTWAIT, 0, 0)
		if e != 0 {
			return 0, errno(e)
		}
		return int(r), nil
	}
	if d.ring != nil && d.n-from > 1 {
		return d.putByRing(from)
	}
	_, _, e := unix.Syscall(unix.SYS_WRITEV, uintptr(d.fd), uintptr(unsafe.Pointer(&d.out.iov[from])), uintptr(d.out.msg[from].hdr.Iovlen))
	if e != 0 {
		return 0, errno(e)
	}
	return 1, nil
}

// putByRing returns how many frames went before the first that did not.
func (d *Device) putByRing(from int) (int, error) {
	for i := from; i < d.n; i++ {
		d.ring.Writev(d.fd, d.out.iov[i][:d.out.msg[i].hdr.Iovlen])
	}
	for i, res := range d.ring.Do() {
		if res < 0 {
			return i, errno(unix.Errno(-res))
		}
	}
	return d.n - from, nil
}

// describe has the host finish a checksum at off of the transport header, and
// cut what is longer than mss.
func (d *Device) describe(transport, off, mss, payload int) {
	h := d.vnet()
	h[0] = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	start := d.front - vnetLen + IPLen
	binary.NativeEndian.PutUint16(h[6:], uint16(start))
	binary.NativeEndian.PutUint16(h[8:], uint16(off))
	if payload > mss {
		h[1] = 1 // VIRTIO_NET_HDR_GSO_TCPV4
		binary.NativeEndian.PutUint16(h[2:], uint16(start+transport))
		binary.NativeEndian.PutUint16(h[4:], uint16(mss))
	}
}

// SendSegment queues a small segment, with its payload and a finished checksum.
func (d *Device) SendSegment(s Segment, payload []byte) {
	h := d.next(typeIPv4)
	n := s.put(h[IPLen:])
	n += copy(h[IPLen+n:], payload)
	d.putIP(h, TCP, n)
	be.PutUint16(h[IPLen+16:], ^fold(sum(h[IPLen:IPLen+n], d.pseudo(TCP, n))))
	d.queue(IPLen+n, nil)
}

// SendZeros queues a segment with a payload of zeros, whose sum is known
// without looking, and of which the device may cut pieces of mss bytes.
func (d *Device) SendZeros(s Segment, zeros []byte, mss int) {
	h := d.next(typeIPv4)
	n := s.put(h[IPLen:])
	total := n + len(zeros)
	d.putIP(h, TCP, total)
	th := h[IPLen : IPLen+n]
	if d.Link.Offload {
		d.describe(n, 16, mss, len(zeros))
		be.PutUint16(th[16:], fold(d.pseudo(TCP, total)))
	} else {
		be.PutUint16(th[16:], ^fold(sum(th, d.pseudo(TCP, total))))
	}
	d.queue(IPLen+n, zeros)
}

// SendDatagram queues a UDP datagram of n zeros without a checksum, as RFC 768
// allows.
func (d *Device) SendDatagram(src, dst uint16, n int) {
	h := d.next(typeIPv4)
	d.putIP(h, UDP, UDPLen+n)
	u := h[IPLen : IPLen+UDPLen+n]
	clear(u)
	be.PutUint16(u, src)
	be.PutUint16(u[2:], dst)
	be.PutUint16(u[4:], uint16(len(u)))
	d.queue(IPLen+len(u), nil)
}

// Pong queues the answer to an ICMP echo request, if it is one.
func (d *Device) Pong(p Packet) {
	if p.L4[0] != 8 {
		return
	}
	h := d.next(typeIPv4)
	n := copy(h[IPLen:], p.L4)
	d.putIP(h, ICMP, n)
	icmp := h[IPLen : IPLen+n]
	icmp[0] = 0
	be.PutUint16(icmp[2:], 0)
	be.PutUint16(icmp[2:], ^fold(sum(icmp, 0)))
	d.queue(IPLen+n, nil)
}
