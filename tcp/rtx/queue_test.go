package rtx

import (
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/seq"
)

// The queue against a plain slice: pushes, pops, splits and joins anywhere keep
// order, search and the list by time.
func TestQueueEqualsASlice(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	q, pool := queue{}, new(Pool)
	var plain []Block
	next := seq.New(0xffff0000)
	for range 20000 {
		switch n := len(plain); {
		case n == 0 || rnd.Intn(3) == 0 && n < 500:
			b := Block{next, next.Add(100)}
			next = b.End
			q.push(pool, node{start: b.Start, end: b.End, mss: 10, segs: 10})
			plain = append(plain, b)
		case rnd.Intn(3) == 0:
			q.pop()
			plain = plain[1:]
		case rnd.Intn(2) == 0 && n > 1:
			i := rnd.Intn(n - 1)
			q.join(i)
			plain[i].End = plain[i+1].End
			plain = append(plain[:i+1], plain[i+2:]...)
		default:
			i := rnd.Intn(n)
			b := plain[i]
			if b.End.Sub(b.Start) < 2 {
				continue
			}
			off := 1 + rnd.Intn(b.End.Sub(b.Start)-1)
			q.split(i, off)
			mid := b.Start.Add(off)
			plain = append(plain[:i], append([]Block{{b.Start, mid}, {mid, b.End}}, plain[i+1:]...)...)
		}
		require.Equal(t, len(plain), q.len())
		if len(plain) == 0 {
			continue
		}
		i := rnd.Intn(len(plain))
		require.Equal(t, plain[i], Block{q.at(i).start, q.at(i).end})
		require.Equal(t, i, q.find(plain[i].Start))
		require.Equal(t, i, q.find(plain[i].End.Add(-1)))
		require.Equal(t, len(plain), q.find(plain[len(plain)-1].End))
	}
}

// A node that is split stays one in the order of transmission too.
func TestSplitStaysTogetherInTime(t *testing.T) {
	var q queue
	for i := range 3 {
		at := seq.New(uint32(100 * i))
		q.push(nil, node{start: at, end: at.Add(100), sentAt: clock.Time(i), flags: SYN | PSH})
	}
	q.split(1, 40)
	var order []uint32
	for id := q.nodes[inFlight].next; id != inFlight; id = q.nodes[id].next {
		order = append(order, q.nodes[id].start.Uint32())
	}
	require.Equal(t, []uint32{0, 100, 140, 200}, order)
	require.Equal(t, SYN, q.at(1).flags)
	require.Equal(t, PSH, q.at(2).flags)
}

// Parking and unparking merge by the time of transmission, whatever the order
// by sequence.
func TestParkKeepsTheOrderOfTransmission(t *testing.T) {
	var q queue
	for i, sent := range []int{5, 1, 4, 2, 3} {
		at := seq.New(uint32(100 * i))
		q.push(nil, node{start: at, end: at.Add(100), sentAt: clock.Time(sent), tags: lost})
	}
	for sent := 1; sent <= 5; sent++ { // as if transmitted in that order
		for i := range q.len() {
			if q.at(i).sentAt == clock.Time(sent) {
				q.toTail(q.id(i), inFlight)
			}
		}
	}
	q.at(3).tags = 0 // sent at 2: stays
	q.park()
	q.at(0).tags = 0
	q.unpark()
	var order []time.Duration
	for id := q.nodes[inFlight].next; id != inFlight; id = q.nodes[id].next {
		order = append(order, time.Duration(q.nodes[id].sentAt))
	}
	require.Equal(t, []time.Duration{1, 2, 3, 4, 5}, order)
	require.Equal(t, parked, q.nodes[parked].next, "nothing is parked any more")
}

// Storage goes back to the pool and comes out clean; a very large one is left
// to the garbage collector.
func TestPoolLendsCleanStorage(t *testing.T) {
	var p Pool
	s := p.get()
	s.nodes = append(s.nodes, node{segs: 7})
	s.order = append(s.order, 2)
	s.head, s.free = 1, 2
	p.put(s)
	s = p.get()
	require.Len(t, s.nodes, int(nLists))
	require.Empty(t, s.order)
	require.Zero(t, s.head+int(s.free))
	require.Equal(t, inFlight, s.nodes[inFlight].next)

	s.nodes = make([]node, 2*keep)
	p.put(s)
	require.NotSame(t, s, p.get())
	(*Pool)(nil).put((*Pool)(nil).get())
}
