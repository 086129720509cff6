package netdev

// Mode is how far a device goes beyond a host's own addresses, for programs
// that stand in for others: forwarders, tunnels, sandboxes. Every device
// begins with none.
type Mode uint32

const (
	// Promiscuous: IP packets to any unicast address are this host's own
	// (Linux: a local route to 0.0.0.0/0). It concerns IP, not the link: frames
	// for other stations stay theirs, which the flag Promisc is about.
	Promiscuous Mode = 1 << iota
	// Spoofing: packets may leave by the device from any unicast address
	// (Linux: IP_TRANSPARENT).
	Spoofing
)

// Is reports whether the device is in all of the modes.
func (d *Device) Is(m Mode) bool { return Mode(d.modes.Load())&m == m }

// SetMode enters the device's modes or leaves them. The network layer, whose
// routes depend on them, calls it.
func (d *Device) SetMode(m Mode, on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if on {
		d.modes.Store(d.modes.Load() | uint32(m))
	} else {
		d.modes.Store(d.modes.Load() &^ uint32(m))
	}
}
