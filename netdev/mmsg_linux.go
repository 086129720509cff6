package netdev

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// mmsg is struct mmsghdr: one message of recvmmsg(2) or sendmmsg(2).
type mmsg struct {
	hdr unix.Msghdr
	len uint32
}

// auxMessage is the control message that brings PACKET_AUXDATA, the only one
// that is asked for.
type auxMessage struct {
	hdr  unix.Cmsghdr
	data unix.TpacketAuxdata
}

const auxLen = unsafe.Sizeof(auxMessage{})

// packetRx is the receiving half of a packet socket: a place for each frame of
// a batch.
type packetRx struct {
	named bool // the kernel does not keep outgoing frames from us: look
	land  places
	msgs  [rxBatch]mmsg
	names [rxBatch]unix.RawSockaddrLinklayer
	aux   [rxBatch]auxMessage
}

// leastOfPacket is few: recvmmsg stops by itself where there are no more.
const leastOfPacket = 4

// receive takes what is there without waiting.
func (r *packetRx) receive(p *packet, pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	want := r.land.ask(len(dst))
	for i := range want {
		r.prepare(i, pool)
	}
	got, errno := recvmmsg(p.fd, r.msgs[:want])
	if errno != 0 {
		return 0, errno
	}
	r.land.got(got, want)
	n := 0
	for i := range got {
		if b := r.frame(i, pool); b != nil {
			dst[n] = b
			n++
		}
	}
	return n, nil
}

func (r *packetRx) prepare(i int, pool *skb.Pool) {
	h := &r.msgs[i].hdr
	iov := r.land.at(i, pool)
	h.Iov = &iov[0]
	h.SetIovlen(len(iov))
	h.Control = (*byte)(unsafe.Pointer(&r.aux[i]))
	h.SetControllen(int(auxLen))
	if r.named {
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&r.names[i])), unix.SizeofSockaddrLinklayer
	}
}

// frame makes a packet of message i; nil where it had to be dropped.
func (r *packetRx) frame(i int, pool *skb.Pool) *skb.Buffer {
	m := &r.msgs[i]
	b := r.land.frame(i, pool, int(m.len))
	switch {
	case b == nil:
		return nil
	case m.hdr.Flags&unix.MSG_TRUNC != 0:
		b.Drop(skb.HdrTrunc)
		return nil
	case r.named && r.names[i].Pkttype == unix.PACKET_OUTGOING:
		b.Consume() // the host's own; it was never received
		return nil
	}
	if aux := &r.aux[i]; m.hdr.Controllen > 0 && aux.hdr.Level == unix.SOL_PACKET && aux.hdr.Type == unix.PACKET_AUXDATA {
		applyAux(b, &aux.data, r.land.meta)
	}
	return b
}

// applyAux notes in b what the kernel says beside the frame; where there was a
// vnet header, that one has told of the checksum.
func applyAux(b *skb.Buffer, aux *unix.TpacketAuxdata, vnet bool) {
	if !vnet {
		auxChecksum(b, aux.Status)
	}
	if aux.Status&unix.TP_STATUS_VLAN_VALID != 0 {
		insertVLAN(b, aux)
	}
}

// auxChecksum notes the checksum state. The status says that a checksum is not
// finished, but not where it stands.
func auxChecksum(b *skb.Buffer, status uint32) {
	switch {
	case status&unix.TP_STATUS_CSUM_VALID != 0:
		b.Csum = skb.CsumUnnecessary
	case status&unix.TP_STATUS_CSUMNOTREADY != 0:
		findChecksum(b)
	}
}

// findChecksum marks the TCP or UDP checksum of an IPv4 frame as partial.
func findChecksum(b *skb.Buffer) {
	if !carriesIPv4(b, etherLen) || !b.MayPull(etherLen+ipMinLen) {
		return
	}
	ip := ipHeader(b.Data()[etherLen:])
	start, field := etherLen+ip.headerLen(), checksumOffset(ip.protocol())
	if ip.headerLen() < ipMinLen || ip.protocol() != protoTCP && ip.protocol() != protoUDP || !b.MayPull(start+field+2) {
		return
	}
	b.Csum, b.CsumStart, b.CsumOffset = skb.CsumPartial, uint16(start), uint16(field)
}

// insertVLAN puts the tag back that the kernel took out (IEEE 802.1Q 9.6).
func insertVLAN(b *skb.Buffer, aux *unix.TpacketAuxdata) {
	const macs, tag = 12, 4
	if b.HeadLen() < macs {
		return
	}
	tpid := aux.Vlan_tpid
	if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID == 0 {
		tpid = unix.ETH_P_8021Q
	}
	b.Push(tag)
	p := b.Data()
	copy(p, p[tag:tag+macs])
	binary.BigEndian.PutUint16(p[macs:], tpid)
	binary.BigEndian.PutUint16(p[macs+2:], aux.Vlan_tci)
	if b.Csum == skb.CsumPartial {
		b.CsumStart += tag
	}
}

// packetTx is the sending half, for one sender; packet_sendmsg takes from
// several at once.
type packetTx struct {
	p    *packet
	msgs [txBatch]mmsg
	meta [txBatch][vnetLen]byte
	iov  [txBatch][2 + skb.MaxFrags]unix.Iovec
}

func (t *packetTx) Write(src []*skb.Buffer) (int, error) {
	defer t.p.end()
	if err := t.p.begin(); err != nil {
		return 0, err
	}
	for done := 0; done < len(src); {
		n, unfit := t.fill(src[done:])
		sent, err := t.send(n)
		done += sent
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN || err == unix.ENOBUFS:
			return done, nil
		case err != nil:
			return done, err
		case sent == n && unfit != nil:
			return done, unfit
		}
	}
	return len(src), nil
}

// fill prepares messages for the frames of src and returns how many. It stops
// before a frame that cannot be described, and returns why.
func (t *packetTx) fill(src []*skb.Buffer) (int, error) {
	n := min(len(src), txBatch)
	for i, b := range src[:n] {
		iov := t.iov[i][:0]
		if t.p.vnet {
			if err := vnetHeader(t.meta[i][:]).encode(b); err != nil {
				return i, err
			}
			iov = appendIovec(iov, t.meta[i][:])
		}
		iov = frameIovecs(iov, b)
		h := &t.msgs[i].hdr
		h.Iov = &t.iov[i][0]
		h.SetIovlen(len(iov))
	}
	return n, nil
}

// send sends the first n messages and returns how many went.
func (t *packetTx) send(n int) (int, error) {
	if n == 0 {
		return 0, nil
	}
	sent, errno := sendmmsg(t.p.fd, t.msgs[:n])
	clear(t.iov[:n]) // the garbage collector must not see buffers through it
	if errno != 0 {
		return 0, errno
	}
	return sent, nil
}
