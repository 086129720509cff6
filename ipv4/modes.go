package ipv4

import (
	"net/netip"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// Devices that accept anything, and may send as anybody (netdev.Mode). All
// other checks stay: what came from a martian source, or from an address of
// this host, is dropped on such a device too, and a device without the mode is
// not touched.

// SetMode changes a device's modes; routes that are kept are looked up anew.
func (m *Module) SetMode(d *netdev.Device, mode netdev.Mode, on bool) {
	d.SetMode(mode, on)
	m.routes.changed()
}

// DeviceChanged makes routes that are kept be looked up anew.
func (m *Module) DeviceChanged() { m.routes.changed() }

// MayBind reports whether a socket may have the address a: it is this host's,
// or a device, which a socket that is bound to one has chosen, may send from
// any.
func (m *Module) MayBind(a netip.Addr, device int) bool {
	if m.IsLocal(a) {
		return true
	}
	if !anyHost(a) {
		return false
	}
	for _, d := range m.env.Dev.All() {
		if (device == 0 || device == d.Index) && d.Is(netdev.Spoofing) {
			return true
		}
	}
	return false
}

// Borrowed is the index of the device by which what answers b must leave, from
// an address that is not this host's: the one that took b for its own. It is 0
// where b was sent to this host.
func (m *Module) Borrowed(b *skb.Buffer) int {
	if m.IsLocal(b.Net.Dst) || !anyHost(b.Net.Dst) {
		return 0
	}
	if d := m.env.Dev.ByIndex(int(b.IfIndex)); d != nil && d.Is(netdev.Promiscuous) {
		return d.Index
	}
	return 0
}

// anyHost reports whether an address can be some host's.
func anyHost(a netip.Addr) bool {
	return a.Is4() && !a.IsMulticast() && !a.IsUnspecified() && !a.IsLoopback() && a != broadcast
}
