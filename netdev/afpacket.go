package netdev

import "net"

// PacketOptions says how OpenPacket takes part in an interface's traffic; the
// zero value is right for most.
type PacketOptions struct {
	// MAC is the stack's own address. Where it is nil and InterfaceMAC is not
	// set, the stack makes one up. Either way the interface becomes
	// promiscuous while the driver is open, and the host, which has another
	// address, ignores the stack's frames as it does those of any station.
	MAC net.HardwareAddr
	// InterfaceMAC has the stack share the interface's address, for links
	// that refuse a second one (most Wi-Fi and cloud networks), and for
	// interfaces that the host does not use itself. Every frame then reaches
	// the host as well: with an address of the stack configured on the host
	// too, or with forwarding on, both would answer.
	InterfaceMAC bool
	// Plain asks for frames without PACKET_VNET_HDR, as old kernels have
	// them: what is sent is finished and within the MTU, and the state of
	// received checksums comes from PACKET_AUXDATA.
	Plain bool
	// Buffer is the size of the socket's receive buffer in bytes; 0 is 8 MB.
	// Without CAP_NET_ADMIN the system's rmem_max limits it.
	Buffer int
}
