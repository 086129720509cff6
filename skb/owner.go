package skb

// Owner is who is charged for a packet that is being sent: a socket
// (skb->sk with skb->destructor). A clone has none.
type Owner interface {
	// Freed gives back what the owner was charged, in bytes. It is called
	// when the packet dies, with whatever locks that happens under.
	Freed(size int)
}

// SetOwner has o told when the packet dies (skb_set_owner_w).
func (b *Buffer) SetOwner(o Owner, charge int) { b.owner, b.charge = o, charge }

// InheritOwner moves the charge of src to b, which will outlive it: the last
// piece of a packet that was cut keeps its sender waiting.
func (b *Buffer) InheritOwner(src *Buffer) {
	b.owner, b.charge = src.owner, src.charge
	src.owner = nil
}
