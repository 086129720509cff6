package packet

import (
	"syscall"

	"github.com/slankdev/ministack/netdev"
)

// What a device's change of state leaves for the sockets bound to it to do.
const (
	deferDown uint32 = 1 << iota
	deferUp
)

// deviceChanged tells the sockets that are bound to a device (packet_notifier).
func (m *Module) deviceChanged(d *netdev.Device, up bool) {
	bit := deferDown
	if up {
		bit = deferUp
	}
	for _, s := range m.Socks() {
		if int(s.ifindex.Load()) == d.Index {
			s.Defer(bit)
		}
	}
}

// Deferred does what deviceChanged left, under the socket's lock; see
// inet.Handler. A device that went down is reported once, and frames come again
// when it is up.
func (s *Sock) Deferred(bits uint32) {
	if bits&deferDown != 0 && s.hook != nil {
		s.detach()
		s.SetError(syscall.ENETDOWN)
	}
	if d := s.device(); bits&deferUp != 0 && d != nil && d.Up() {
		s.attach()
	}
}
