//go:build !linux

package netdev

import "github.com/songgao/water"

// OpenTAP opens an interface by the portable driver: other systems have no
// vnet_hdr, so frames are plain.
func OpenTAP(name string, o TAPOptions) (Driver, error) { return OpenWater(name, o.MTU) }

// OpenTUN is OpenTAP for an interface of bare IP packets.
func OpenTUN(name string, o TAPOptions) (Driver, error) { return openWater(water.TUN, name, o.MTU) }
