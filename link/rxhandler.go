package link

import (
	"syscall"

	"github.com/slankdev/ministack/netdev"
)

// SetRxHandler gives a device's frames to h instead of the protocols, whomever
// they are for (netdev_rx_handler_register). Error: EBUSY if somebody has it.
func (m *Module) SetRxHandler(d *netdev.Device, h Handler) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if (*m.rx.Load())[d] != nil {
		return syscall.EBUSY
	}
	m.changeRx(d, h)
	return nil
}

// ClearRxHandler gives a device's frames back to the protocols.
func (m *Module) ClearRxHandler(d *netdev.Device) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changeRx(d, nil)
}

func (m *Module) changeRx(d *netdev.Device, h Handler) {
	next := map[*netdev.Device]Handler{}
	for o, old := range *m.rx.Load() {
		next[o] = old
	}
	next[d] = h
	if h == nil {
		delete(next, d)
	}
	m.rx.Store(&next)
}
