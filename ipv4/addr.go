package ipv4

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/netdev"
)

// AddAddr gives a device an address (inet_insert_ifa): the network becomes
// reachable on its link, and neighbours are told. Errors: EINVAL, EEXIST.
func (m *Module) AddAddr(d *netdev.Device, p netip.Prefix) error {
	if !p.IsValid() || !p.Addr().Is4() || p.Addr().IsMulticast() || p.Addr() == broadcast || p.Addr().IsUnspecified() {
		return syscall.EINVAL
	}
	if err := m.insertAddr(d, p); err != nil {
		return err
	}
	m.arp.Announce(d, p.Addr())
	m.env.Dev.Flush()
	return nil
}

func (m *Module) insertAddr(d *netdev.Device, p netip.Prefix) error {
	m.routes.mu.Lock()
	defer m.routes.mu.Unlock()
	for _, o := range d.Addrs() {
		if o.Addr() == p.Addr() {
			return syscall.EEXIST
		}
	}
	d.SetAddrs(append(append([]netip.Prefix(nil), d.Addrs()...), p))
	entries := m.routes.load().entries
	if p.Bits() < 32 && d.Flags()&netdev.IsLoopback == 0 && !hasNetwork(entries, d, p) {
		entries = append(append([]Entry(nil), entries...), Entry{Dst: p.Masked(), Dev: d, Src: p.Addr(), Kernel: true})
	}
	m.publish(entries)
	return nil
}

func hasNetwork(entries []Entry, d *netdev.Device, p netip.Prefix) bool {
	for _, e := range entries {
		if e.Dst == p.Masked() && e.Dev == d && e.Kernel {
			return true
		}
	}
	return false
}

// DelAddr takes an address away, and with the last one of a network its route.
// Error: EADDRNOTAVAIL.
func (m *Module) DelAddr(d *netdev.Device, p netip.Prefix) error {
	m.routes.mu.Lock()
	defer m.routes.mu.Unlock()
	var left []netip.Prefix
	found, shared := false, netip.Addr{}
	for _, o := range d.Addrs() {
		if o == p {
			found = true
			continue
		}
		left = append(left, o)
		if o.Masked() == p.Masked() && !shared.IsValid() {
			shared = o.Addr()
		}
	}
	if !found {
		return syscall.EADDRNOTAVAIL
	}
	d.SetAddrs(left)
	var entries []Entry
	for _, e := range m.routes.load().entries {
		if e.Dev == d && e.Kernel && e.Dst == p.Masked() {
			if !shared.IsValid() {
				continue
			}
			e.Src = shared
		}
		entries = append(entries, e)
	}
	m.publish(entries)
	return nil
}
