package netdev

import (
	"net"

	"github.com/slankdev/ministack/skb"
)

// loopback gives back what it is given (drivers/net/loopback.c). Linux's lo
// carries an Ethernet header of zeros for the sake of its taps; ours carries
// bare IP packets. Checksums are not computed and super-segments not cut: the
// bytes never leave memory.
type loopback struct {
	lane *lane
	mtu  int
}

var _ Poller = (*loopback)(nil)

// NewLoopback returns a loopback driver with an MTU of mtu bytes, 65536 on
// Linux.
func NewLoopback(mtu int) Poller { return &loopback{newLane(txQueueLen), mtu} }

func (l *loopback) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	n, err := l.lane.read(pool, dst)
	trust(dst[:n])
	return n, err
}

func (l *loopback) Poll(pool *skb.Pool, dst []*skb.Buffer) int {
	n := l.lane.poll(pool, dst)
	trust(dst[:n])
	return n
}

// trust calls unfinished checksums verified: nothing goes on from here.
func trust(batch []*skb.Buffer) {
	for _, b := range batch {
		if b.Csum == skb.CsumPartial {
			b.Csum = skb.CsumUnnecessary
		}
	}
}

func (l *loopback) OnReadable(fn func()) { l.lane.onReadable(fn) }

func (l *loopback) Write(src []*skb.Buffer) (int, error) { return l.lane.write(src) }

func (l *loopback) Features() Features { return Loopback | NoLink | TxCsum | TSO4 | USO | RxCsum | GRO }

func (l *loopback) MTU() int { return l.mtu }

func (l *loopback) MAC() net.HardwareAddr { return nil }

func (l *loopback) Close() error {
	l.lane.closeWriter()
	l.lane.closeReader()
	return nil
}
