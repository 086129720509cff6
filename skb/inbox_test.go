package skb

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func numbered(p *Pool, from, n int) []*Buffer {
	var list []*Buffer
	for i := range n {
		b := p.New(0)
		b.CB[0] = uint32(from + i)
		list = append(list, b)
	}
	return list
}

func numbers(q *Queue) (list []uint32) {
	for b := q.PopFront(); b != nil; b = q.PopFront() {
		list = append(list, b.CB[0])
		b.Consume()
	}
	return list
}

func TestAnInboxKeepsTheOrder(t *testing.T) {
	p := NewPool(nil)
	var in Inbox
	require.True(t, in.Empty())
	bs := numbered(p, 0, 8)
	var some, none, taken Queue
	for _, b := range bs[2:5] {
		some.PushBack(b)
	}
	taken.PushBack(bs[0])
	in.Put(bs[1])
	in.PutAll(&some)
	in.PutAll(&none)
	require.Zero(t, some.Len())
	in.Put(bs[5])
	require.False(t, in.Empty())
	in.TakeAll(&taken)
	require.True(t, in.Empty())
	in.Put(bs[6])
	in.Put(bs[7])
	in.TakeAll(&taken)
	require.Equal(t, 8, taken.Len())
	require.Equal(t, []uint32{0, 1, 2, 3, 4, 5, 6, 7}, numbers(&taken))
	in.TakeAll(&taken)
	require.Zero(t, taken.Len())
	require.Zero(t, p.Count().Live)
}

// What many put at once is all there, of each in its order.
func TestManyMayPutAtOnce(t *testing.T) {
	const putters, each = 4, 5000
	p := NewPool(nil)
	var in Inbox
	var wg sync.WaitGroup
	for k := range putters {
		wg.Go(func() {
			for _, b := range numbered(p, k*each, each) {
				in.Put(b)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	next := [putters]uint32{}
	got := 0
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		var q Queue
		in.TakeAll(&q)
		for _, n := range numbers(&q) {
			require.Equal(t, next[n/each], n%each)
			next[n/each]++
			got++
		}
	}
	require.Equal(t, putters*each, got)
	require.Zero(t, p.Count().Live)
}
