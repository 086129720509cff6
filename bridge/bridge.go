// Package bridge joins devices into one network (Linux's net/bridge): a frame
// that comes in by one port leaves by the port behind which its destination was
// seen, and by all others where that is not known. With an ageing time of 0 it
// remembers nothing and repeats every frame: a hub.
//
// There is no spanning tree: the devices must not form a loop.
package bridge

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
)

// DefaultAgeing is how long an address is remembered that is not heard any more
// (BR_DEFAULT_AGEING_TIME, IEEE 802.1D-2004 7.9.2).
const DefaultAgeing = 300 * time.Second

// Bridge is one of them (struct net_bridge).
type Bridge struct {
	env   *inet.Env
	link  *link.Module
	fdb   fdb
	mu    sync.Mutex // writers of ports
	ports atomic.Pointer[[]*netdev.Device]
}

// New returns a bridge without ports that forgets an address after a time in
// which it was not heard; 0 makes it a hub.
func New(env *inet.Env, l *link.Module, ageing time.Duration) *Bridge {
	b := &Bridge{env: env, link: l}
	b.fdb.init(ageing)
	b.ports.Store(&[]*netdev.Device{})
	return b
}

// AddPort takes a device in (br_add_if): it hears every frame, and the protocols
// above no longer get any of it. Errors: EINVAL for a device without link
// header, EBUSY for one that is a port already.
func (b *Bridge) AddPort(d *netdev.Device) error {
	if !d.HasLink() {
		return syscall.EINVAL
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.link.SetRxHandler(d, b.input); err != nil {
		return err
	}
	if err := d.AddPromiscuity(1); err != nil {
		b.link.ClearRxHandler(d)
		return err
	}
	next := append(append([]*netdev.Device(nil), *b.ports.Load()...), d)
	b.ports.Store(&next)
	return nil
}

// Close gives the ports back (br_dev_delete).
func (b *Bridge) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range *b.ports.Load() {
		b.link.ClearRxHandler(d)
		_ = d.AddPromiscuity(-1) // that it lets too much through harms nobody
	}
	b.ports.Store(&[]*netdev.Device{})
	return nil
}

// Entry is an address that the bridge has seen (bridge fdb show).
type Entry struct {
	MAC  netdev.MACAddr
	Dev  *netdev.Device
	Seen time.Duration // ago
}

// Table returns what the bridge remembers.
func (b *Bridge) Table() []Entry { return b.fdb.list(b.env.Clock.Now()) }
