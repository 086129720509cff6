package stat

import (
	"sync/atomic"

	"github.com/slankdev/ministack/skb"
)

// Count is how many counters there are, those of the drop reasons included.
const Count = int(firstDrop) + int(skb.NumReasons)

// Counters is one stack's set. The zero value counts from zero.
type Counters struct {
	v [Count]atomic.Uint64
}

// Inc adds one to a counter.
func (c *Counters) Inc(id ID) { c.v[id].Add(1) }

// Add adds n to a counter.
func (c *Counters) Add(id ID, n int) { c.v[id].Add(uint64(n)) }

// Dec takes one off a counter; only CurrEstab goes down.
func (c *Counters) Dec(id ID) { c.v[id].Add(^uint64(0)) }

// Get returns a counter's value.
func (c *Counters) Get(id ID) uint64 { return c.v[id].Load() }

// Dropped counts a buffer's death: under its reason, and under the counters
// that Linux keeps for it.
func (c *Counters) Dropped(r skb.Reason) {
	c.Inc(OfReason(r))
	for _, id := range mibs[r] {
		c.Inc(id)
	}
}

// OfReason returns the counter that belongs to the drop reason r alone.
func OfReason(r skb.Reason) ID { return firstDrop + ID(r) }

// String returns the counter's name as nstat prints it, "TcpExtListenDrops".
func (id ID) String() string { return id.Group() + id.Name() }

// Group returns the MIB group, "TcpExt"; drop reasons are in group "Drop".
func (id ID) Group() string {
	if id >= firstDrop {
		return "Drop"
	}
	return labels[id].group
}

// Name returns the name inside the group, "ListenDrops".
func (id ID) Name() string {
	if id >= firstDrop {
		return skb.Reason(id - firstDrop).String()
	}
	return labels[id].name
}
