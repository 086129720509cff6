package skb

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func ids(q *Queue) (list []uint64) {
	for b := q.Peek(); b != nil; b = b.Next() {
		list = append(list, b.ID)
	}
	return list
}

func TestQueueKeepsOrderAtBothEnds(t *testing.T) {
	p := NewPool(nil)
	var q, other Queue
	require.Nil(t, q.PopFront())
	q.PushBack(p.New(0))
	q.PushBack(p.New(0))
	q.PushFront(p.New(0))
	require.Equal(t, []uint64{3, 1, 2}, ids(&q))
	other.PushFront(p.New(0))
	other.PushBack(p.New(0))
	q.Splice(&other)
	require.Equal(t, []uint64{3, 1, 2, 4, 5}, ids(&q))
	require.Equal(t, 5, q.Len())
	require.Zero(t, other.Len())
	q.Splice(&other)
	require.Equal(t, 5, q.Len(), "splicing nothing changes nothing")
	b := q.PopFront()
	require.Equal(t, uint64(3), b.ID)
	require.Nil(t, b.Next())
	b.Consume()
	other.Splice(&q)
	require.Equal(t, []uint64{1, 2, 4, 5}, ids(&other))
	other.Purge(QueuePurge)
	require.Zero(t, other.Len())
	require.Nil(t, other.Peek())
	require.Equal(t, Count{Born: 5, Consumed: 1, Dropped: 4}, p.Count())
}

func TestAnEmptiedQueueCanBeFilledAgain(t *testing.T) {
	p := NewPool(nil)
	var q Queue
	for range 3 {
		q.PushBack(p.New(0))
		q.PopFront().Consume()
		q.PushFront(p.New(0))
		q.PopFront().Consume()
	}
	require.Zero(t, q.Len())
	require.Zero(t, p.Count().Live)
}
