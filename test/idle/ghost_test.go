package idle_test

import (
	"encoding/binary"
	"net/netip"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// ghost is the far end of any number of connections, and remembers none of
// them: each segment that it sends follows from the one that it answers. So
// what a process holds beside it is the memory of one stack's connections.
// It loses nothing and repeats nothing; its link must not lose frames either.
type ghost struct {
	drv  netdev.Driver
	pool *skb.Pool
	out  []*skb.Buffer
}

const (
	ghostISN  = 1000
	ghostPort = 7 // of the stack or of the ghost, whoever is the server

	fin, syn, rst, psh, ackFlag = 1, 2, 4, 8, 16
)

func newGhost(drv netdev.Driver) *ghost { return &ghost{drv: drv, pool: skb.NewPool(nil)} }

// serve answers what the stack sends until the link is closed.
func (g *ghost) serve() {
	batch := make([]*skb.Buffer, 64)
	for {
		n, err := g.drv.Read(g.pool, batch)
		if err != nil {
			return
		}
		for _, b := range batch[:n] {
			g.answer(b.Bytes())
			b.Consume()
		}
		g.flush()
	}
}

func (g *ghost) flush() {
	for left := g.out; len(left) > 0; {
		n, err := g.drv.Write(left)
		if err != nil {
			break
		}
		left = left[n:]
	}
	for i, b := range g.out {
		b.Consume()
		g.out[i] = nil
	}
	g.out = g.out[:0]
}

// client is the name of the nth connection's far end: 50,000 ports an address.
func client(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(n / 50000 >> 8), byte(n / 50000)}), uint16(10000+n%50000))
}

// open sends the SYNs of connections from the nth on.
func (g *ghost) open(n, count int, to netip.Addr) {
	for i := range count {
		from := client(n + i)
		g.send(from, netip.AddrPortFrom(to, ghostPort), segment{seq: ghostISN, flags: syn})
	}
	g.flush()
}

// segment is what differs between the ghost's segments.
type segment struct {
	seq, ack uint32
	flags    byte
	echo     uint32 // TSecr
	data     []byte
}

// answer follows the handshake from either side, acknowledges a byte, and sends
// one back if it is the server.
func (g *ghost) answer(p []byte) {
	h := p[int(p[0]&15)*4:]
	local := netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[16:20])), binary.BigEndian.Uint16(h[2:]))
	peer := netip.AddrPortFrom(netip.AddrFrom4([4]byte(p[12:16])), binary.BigEndian.Uint16(h[0:]))
	from, flags := binary.BigEndian.Uint32(h[4:]), h[13]
	s := segment{seq: binary.BigEndian.Uint32(h[8:]), echo: tsval(h)}
	length := uint32(len(h) - int(h[12]>>4)*4)
	switch {
	case flags&rst != 0:
		return
	case flags&(syn|ackFlag) == syn:
		s.seq, s.ack, s.flags = ghostISN, from+1, syn|ackFlag
	case flags&syn != 0:
		s.ack, s.flags, s.data = from+1, psh|ackFlag, []byte{'x'}
	case length > 0 || flags&fin != 0:
		s.ack, s.flags = from+length+uint32(flags&fin), ackFlag|flags&fin
		if length > 0 && local.Port() == ghostPort {
			s.flags, s.data = s.flags|psh, []byte{'y'}
		}
	default:
		return
	}
	g.send(local, peer, s)
}

// tsval is the timestamp of a segment: behind two NOPs, or behind MSS and
// SACK-permitted in a SYN.
func tsval(h []byte) uint32 {
	for o := h[20 : int(h[12]>>4)*4]; len(o) >= 10; {
		switch {
		case o[0] == 8:
			return binary.BigEndian.Uint32(o[2:])
		case o[0] == 1:
			o = o[1:]
		default:
			o = o[o[1]:]
		}
	}
	return 0
}

func (g *ghost) send(from, to netip.AddrPort, s segment) {
	opts := []byte{1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(opts[8:], s.echo)
	if s.flags&syn != 0 {
		opts = append(opts, 2, 4, 5, 180, 4, 2, 1, 3, 3, 7, 1, 1)
	}
	b := g.pool.New(0)
	p := b.Put(40 + len(opts) + len(s.data))
	clear(p)
	src, dst := from.Addr().As4(), to.Addr().As4()
	p[0], p[8], p[9] = 0x45, 64, inet.ProtoTCP
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], src[:])
	copy(p[16:], dst[:])
	binary.BigEndian.PutUint16(p[10:], checksum.Finish(checksum.Sum(0, p[:20])))
	h := p[20:]
	binary.BigEndian.PutUint16(h[0:], from.Port())
	binary.BigEndian.PutUint16(h[2:], to.Port())
	binary.BigEndian.PutUint32(h[4:], s.seq)
	binary.BigEndian.PutUint32(h[8:], s.ack)
	h[12], h[13] = byte((20+len(opts))/4<<4), s.flags
	binary.BigEndian.PutUint16(h[14:], 0x7fff)
	copy(h[20:], opts)
	copy(h[20+len(opts):], s.data)
	sum := checksum.PseudoHeader(from.Addr(), to.Addr(), inet.ProtoTCP, len(h))
	binary.BigEndian.PutUint16(h[16:], checksum.Finish(checksum.Sum(sum, h)))
	g.out = append(g.out, b)
}
