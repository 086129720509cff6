package raw

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// table holds the sockets by protocol (raw_v4_hashinfo). A lookup takes no
// lock: a protocol's list is copied on write.
type table struct {
	mu    sync.Mutex // writers
	lists [256]atomic.Pointer[[]*Sock]
}

func (t *table) at(proto uint8) []*Sock {
	if l := t.lists[proto].Load(); l != nil {
		return *l
	}
	return nil
}

// add enters a socket (raw_hash_sk). One with a protocol that no header can
// name is in no list: it only sends.
func (t *table) add(s *Sock) {
	t.change(s.protocol, func(l []*Sock) []*Sock { return append(l, s) })
}

// remove takes it out again (raw_unhash_sk).
func (t *table) remove(s *Sock) {
	t.change(s.protocol, func(l []*Sock) []*Sock {
		return slices.DeleteFunc(l, func(o *Sock) bool { return o == s })
	})
}

func (t *table) change(protocol int, f func([]*Sock) []*Sock) {
	if protocol >= len(t.lists) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	next := f(slices.Clone(t.at(uint8(protocol))))
	t.lists[protocol].Store(&next)
}

// identity is what a socket is matched by. It is replaced whole, so that the
// packet path reads it without the socket's lock.
type identity struct {
	local, peer netip.Addr // the zero Addr: any
	device      int        // 0: any
	deaf        bool       // in no list any more
}

// matches is raw_v4_match (B8): what is set must be equal.
func (i *identity) matches(peer, local netip.Addr, device int) bool {
	return (!i.peer.IsValid() || i.peer == peer) && (!i.local.IsValid() || i.local == local) &&
		(i.device == 0 || i.device == device)
}
