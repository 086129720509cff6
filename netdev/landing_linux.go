package netdev

import (
	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// landing is where one frame lands when it is read: metadata, then a small
// chunk that holds any ordinary frame, then a large one for the rest of a
// super-segment. So an ordinary frame costs a small chunk and no copy, and 64
// KB stand ready all the same. The storage becomes the packet's; only what is
// used up is replaced.
type landing struct {
	small, spill *skb.Chunk
	bare         bool // frames have no link header
	meta         [vnetLen]byte
	iov          [3]unix.Iovec
}

const landingRoom = skb.SmallSize - skb.DefaultHeadroom

// ready returns the vector for readv or recvmsg, with the metadata first if
// there is any.
func (l *landing) ready(pool *skb.Pool, meta bool) []unix.Iovec {
	if l.small == nil {
		l.small = pool.Chunk(skb.SmallSize)
		setIovec(&l.iov[1], l.small.Bytes()[skb.DefaultHeadroom:])
	}
	if l.spill == nil {
		l.spill = pool.Chunk(skb.LargeSize)
		setIovec(&l.iov[2], l.spill.Bytes())
	}
	if !meta {
		return l.iov[1:]
	}
	setIovec(&l.iov[0], l.meta[:])
	return l.iov[:]
}

// take makes a packet of the n bytes of frame that landed.
func (l *landing) take(pool *skb.Pool, n int) *skb.Buffer {
	head := min(n, landingRoom)
	b := pool.Build(l.small, skb.DefaultHeadroom, head)
	l.small = nil
	switch rest := n - head; {
	case rest > skb.MediumSize:
		b.AddFrag(l.spill, 0, rest)
		l.spill.Release()
		l.spill = nil
	case rest > 0: // not worth 64 KB
		c := pool.Chunk(rest)
		copy(c.Bytes(), l.spill.Bytes()[:rest])
		b.AddFrag(c, 0, rest)
		c.Release()
	}
	return b
}

// takeDescribed is take where metadata came first among the n bytes; nil where
// the frame had to be dropped for what it says.
func (l *landing) takeDescribed(pool *skb.Pool, n int) *skb.Buffer {
	b := l.take(pool, max(n-vnetLen, 0))
	reason := skb.DevHdr
	if n >= vnetLen {
		reason = vnetHeader(l.meta[:]).decode(b, l.linkLen())
	}
	if reason != skb.NotDropped {
		b.Drop(reason)
		return nil
	}
	return b
}

func (l *landing) linkLen() int {
	if l.bare {
		return 0
	}
	return etherLen
}

func (l *landing) release() {
	for _, c := range []*skb.Chunk{l.small, l.spill} {
		if c != nil {
			c.Release()
		}
	}
	l.small, l.spill = nil, nil
	clear(l.iov[:]) // the garbage collector sees storage through it
}

func setIovec(v *unix.Iovec, p []byte) {
	v.Base = nil
	if len(p) > 0 {
		v.Base = &p[0]
	}
	v.SetLen(len(p))
}

// frameIovecs appends the parts of a frame to dst.
func frameIovecs(dst []unix.Iovec, b *skb.Buffer) []unix.Iovec {
	dst = appendIovec(dst, b.Data())
	frags := b.Frags()
	for i := range frags {
		dst = appendIovec(dst, frags[i].Bytes())
	}
	return dst
}

func appendIovec(dst []unix.Iovec, p []byte) []unix.Iovec {
	if len(p) == 0 {
		return dst
	}
	v := unix.Iovec{Base: &p[0]}
	v.SetLen(len(p))
	return append(dst, v)
}
