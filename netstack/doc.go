// Package netstack has the names of golang.zx2c4.com/wireguard/tun/netstack over
// this stack, so that a program which uses that package moves by changing one
// import:
//
//	import "github.com/slankdev/ministack/netstack"
//
//	tun, tnet, err := netstack.CreateNetTUN(
//		[]netip.Addr{netip.MustParseAddr("192.168.4.29")},
//		[]netip.Addr{netip.MustParseAddr("8.8.8.8")}, 1420)
//	dev := device.NewDevice(tun, conn.NewDefaultBind(), logger)
//	client := http.Client{Transport: &http.Transport{DialContext: tnet.DialContext}}
//
// What differs: connections are *ministack.Conn, *ministack.Listener and
// *ministack.PacketConn, which have the methods of package net's types, where
// that package returns gVisor's; there is no IPv6, so an IPv6 address is refused
// with EAFNOSUPPORT; and Stack gives everything else that a stack can do.
package netstack
