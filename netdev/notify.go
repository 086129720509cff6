package netdev

import "sync"

// watchers are told when a device comes up or goes down (netdevice notifiers).
type watchers struct {
	mu   sync.Mutex
	list []func(d *Device, up bool)
}

// Watch has fn called after a device went up or down: by whoever changed it, a
// receive goroutine perhaps, and with no lock of the device held.
func (t *Table) Watch(fn func(d *Device, up bool)) {
	t.watchers.mu.Lock()
	defer t.watchers.mu.Unlock()
	t.watchers.list = append(t.watchers.list, fn)
}

func (t *Table) notify(d *Device, up bool) {
	t.watchers.mu.Lock()
	list := t.watchers.list
	t.watchers.mu.Unlock()
	for _, fn := range list {
		fn(d, up)
	}
}
