package skb

// Queue is a first-in first-out list of buffers (sk_buff_head). It takes no
// memory of its own and no lock.
type Queue struct {
	head, tail *Buffer
	n          int
}

// Len returns how many buffers are queued.
func (q *Queue) Len() int { return q.n }

// Peek returns the first buffer without taking it, nil if there is none.
func (q *Queue) Peek() *Buffer { return q.head }

// Last returns the last buffer without taking it, nil if there is none.
func (q *Queue) Last() *Buffer { return q.tail }

// PushBack appends b.
func (q *Queue) PushBack(b *Buffer) {
	b.next = nil
	if q.tail == nil {
		q.head = b
	} else {
		q.tail.next = b
	}
	q.tail = b
	q.n++
}

// PushFront puts b first.
func (q *Queue) PushFront(b *Buffer) {
	b.next = q.head
	q.head = b
	if q.tail == nil {
		q.tail = b
	}
	q.n++
}

// PopFront takes the first buffer, nil if there is none.
func (q *Queue) PopFront() *Buffer {
	b := q.head
	if b == nil {
		return nil
	}
	q.head = b.next
	if q.head == nil {
		q.tail = nil
	}
	b.next = nil
	q.n--
	return b
}

// Next returns the buffer queued behind b.
func (b *Buffer) Next() *Buffer { return b.next }

// Splice moves all of other behind q.
func (q *Queue) Splice(other *Queue) {
	if other.head == nil {
		return
	}
	if q.tail == nil {
		q.head = other.head
	} else {
		q.tail.next = other.head
	}
	q.tail = other.tail
	q.n += other.n
	*other = Queue{}
}

// Purge drops all that is queued for the reason r.
func (q *Queue) Purge(r Reason) {
	for b := q.PopFront(); b != nil; b = q.PopFront() {
		b.Drop(r)
	}
}
