//go:build !linux

package netdev

// OpenTAP opens an interface by the portable driver: other systems have no
// vnet_hdr, so frames are plain.
func OpenTAP(name string, o TAPOptions) (Driver, error) { return OpenWater(name, o.MTU) }
