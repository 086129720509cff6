package skb

import "sync/atomic"

// Inbox is a list that many put buffers on at once and one takes all of, in the
// order in which they came (llist.h: llist_add, llist_del_all,
// llist_reverse_order). It takes no lock: who puts never waits for who takes,
// nor for another who was interrupted in the midst of it.
type Inbox struct{ last atomic.Pointer[Buffer] }

// Put adds b.
func (i *Inbox) Put(b *Buffer) { i.add(b, b) }

// PutAll adds all of q, together and in its order.
func (i *Inbox) PutAll(q *Queue) {
	first := q.PopFront()
	if first == nil {
		return
	}
	last := first
	for b := q.PopFront(); b != nil; b = q.PopFront() {
		b.next = last
		last = b
	}
	i.add(first, last)
}

// add puts a chain from last to first before what is there.
func (i *Inbox) add(first, last *Buffer) {
	for {
		first.next = i.last.Load()
		if i.last.CompareAndSwap(first.next, last) {
			return
		}
	}
}

// Empty reports whether nothing is there.
func (i *Inbox) Empty() bool { return i.last.Load() == nil }

// TakeAll moves all that is there behind q.
func (i *Inbox) TakeAll(q *Queue) {
	var got Queue
	for b := i.last.Swap(nil); b != nil; {
		next := b.next
		got.PushFront(b)
		b = next
	}
	q.Splice(&got)
}
