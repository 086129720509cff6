// Package link is Ethernet (RFC 894): it gives each received frame to the taps
// and then to the protocol that entered itself for its EtherType, and puts the
// header before each frame that leaves (Linux's eth.c and the middle of
// net/core/dev.c). Devices without a link header pass through it too.
package link

import (
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// Handler takes over frames of one EtherType, the link header pulled
// (struct packet_type).
type Handler func(d *netdev.Device, b *skb.Buffer) skb.Reason

// Module is a stack's link layer.
type Module struct {
	env      *inet.Env
	mu       sync.Mutex // writers of what is below
	handlers atomic.Pointer[map[uint16]Handler]
	taps     atomic.Pointer[[]*Tap]
	rx       atomic.Pointer[map[*netdev.Device]Handler] // a bridge's, by port
}

// New returns the link layer. The caller makes Input the device table's Rx and
// Sent its Tx.
func New(env *inet.Env) *Module {
	m := &Module{env: env}
	m.handlers.Store(&map[uint16]Handler{})
	m.taps.Store(&[]*Tap{})
	m.rx.Store(&map[*netdev.Device]Handler{})
	return m
}

// Handle enters h for an EtherType (dev_add_pack).
func (m *Module) Handle(etherType uint16, h Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[uint16]Handler{}
	for t, old := range *m.handlers.Load() {
		next[t] = old
	}
	next[etherType] = h
	m.handlers.Store(&next)
}
