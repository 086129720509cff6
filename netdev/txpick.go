package netdev

import (
	"math/bits"
	"runtime"

	"github.com/slankdev/ministack/skb"
)

// Transmit queues. A system call that sends runs the receive path of the host,
// and takes the longer part of a sender's time; so those who send by a driver
// that can be used by several at once (MultiWriter) do not wait for each other.
// There is a queue a processor, and a flow has always the same: its frames
// leave in the order in which they were queued.

// maxTxQueues bounds them: what a flush looks through is one word.
const maxTxQueues = 16

// fragmented are the bits of the IPv4 header's fragment field that only
// fragments have: MF and the offset (RFC 791 3.1).
const fragmented = 0x3fff

func newTxQueues(drv Driver) []*txQueue {
	n := 1
	multi, ok := drv.(MultiWriter)
	if ok {
		n = min(runtime.GOMAXPROCS(0), maxTxQueues)
	}
	_, wakeable := drv.(Waker)
	queues := make([]*txQueue, n)
	for i := range queues {
		t := &txQueue{writer: drv, bit: 1 << i, wakeable: wakeable}
		t.limit.Store(txQueueLen)
		if i > 0 {
			t.writer = multi.NewWriter()
		}
		t.idle.L = &t.mu
		queues[i] = t
	}
	return queues
}

// pickTx chooses the queue of b's flow (netdev_pick_tx, skb_tx_hash).
func (d *Device) pickTx(b *skb.Buffer) *txQueue {
	if len(d.tx) == 1 {
		return d.tx[0]
	}
	hash := uint64(uint32(flowHash(b, d.linkLen()) >> 32))
	return d.tx[hash*uint64(len(d.tx))>>32]
}

// flowHash is made of addresses, protocol and ports; of fragments, of which
// only the first has ports, without these, so that a datagram's stay together.
// What is no IPv4 packet has 0.
func flowHash(b *skb.Buffer, link int) uint64 {
	if !carriesIPv4(b, link) || !b.MayPull(link+ipMinLen) {
		return 0
	}
	ip := ipHeader(b.Data()[link:])
	hash := mix(ip.addrs() + uint64(ip.protocol()))
	ported := ip.protocol() == protoTCP || ip.protocol() == protoUDP
	if trans := ip[min(ip.headerLen(), len(ip)):]; ported && ip.fragment()&fragmented == 0 && len(trans) >= 4 {
		hash = mix(hash ^ uint64(tcpHeader(trans).ports()))
	}
	return hash
}

// mix spreads each bit of v over the upper half.
func mix(v uint64) uint64 {
	hi, lo := bits.Mul64(v^0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9)
	return hi ^ lo
}

// markQueued notes that the queue with this bit may have frames to send. It
// comes after the frame was queued.
func (d *Device) markQueued(bit uint32) {
	if d.queued.Load()&bit == 0 {
		d.queued.Or(bit)
	}
	d.table.markDirty()
}

// flushTx flushes the queues that have frames. As in Table.Flush the marks go
// first.
func (d *Device) flushTx() {
	if d.queued.Load() == 0 {
		return
	}
	for m := d.queued.Swap(0); m != 0; m &= m - 1 {
		d.tx[bits.TrailingZeros32(m)].flush(d)
	}
}

// wakeTx goes on where a busy driver stopped.
func (d *Device) wakeTx() {
	for _, t := range d.tx {
		t.wake(d)
	}
}
