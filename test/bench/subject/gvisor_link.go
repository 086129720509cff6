package subject

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/link/pipe"
	"gvisor.dev/gvisor/pkg/tcpip/stack"

	"github.com/slankdev/ministack/test/bench/link"
)

const gsoMax = 65536 // runsc's value, the largest that virtio carries

func gvisorEndpoint(o Options) (stack.LinkEndpoint, error) {
	mtu := uint32(o.Link.MTU)
	if o.Link.Device == link.Packet {
		return packetEndpoint(o, mtu)
	}
	fd, err := openTun(o)
	if err != nil {
		return nil, err
	}
	ether := o.Link.Device == link.TAP
	if o.Link.Offload { // fdbased has super-segments for sockets only
		return newVnetTap(fd, mtu, ether)
	}
	f := fdOptions(o, fd, mtu)
	f.EthernetHeader = ether
	return fdbased.New(f)
}

func fdOptions(o Options, fd int, mtu uint32) *fdbased.Options {
	f := &fdbased.Options{
		FDs: []int{fd}, MTU: mtu, EthernetHeader: true, Address: guestMAC(),
		ProcessorsPerChannel: o.GVisor.Processors, GRO: o.GVisor.GRO == "on",
		PacketDispatchMode: fdbased.Readv,
	}
	if o.Link.Device != link.Packet {
		return f
	}
	f.PacketDispatchMode = fdbased.RecvMMsg
	switch o.GVisor.Dispatch {
	case "readv":
		f.PacketDispatchMode = fdbased.Readv
	case "mmap":
		f.PacketDispatchMode = fdbased.PacketMMap
	}
	if o.Link.Offload {
		f.GSOMaxSize, f.RXChecksumOffload = gsoMax, true
	}
	return f
}

func guestMAC() tcpip.LinkAddress {
	m, err := net.ParseMAC(link.GuestMAC)
	if err != nil {
		panic(err)
	}
	return tcpip.LinkAddress(m)
}

// openTun attaches to the interface that the link made.
func openTun(o Options) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	ifr, err := unix.NewIfreq(o.Dev)
	if err != nil {
		return -1, err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if o.Link.Device == link.TUN {
		flags = unix.IFF_TUN | unix.IFF_NO_PI
	}
	if o.Link.Offload {
		flags |= unix.IFF_VNET_HDR
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return -1, fmt.Errorf("opening %s: %w", o.Dev, err)
	}
	if o.Link.Offload {
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4)
	}
	return fd, err
}

// packetEndpoint opens a packet socket as runsc does, with larger buffers.
func packetEndpoint(o Options, mtu uint32) (stack.LinkEndpoint, error) {
	ifi, err := net.InterfaceByName(o.Dev)
	if err != nil {
		return nil, err
	}
	all := uint16(unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	promisc := unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promisc); err != nil {
		return nil, err
	}
	set := [][3]int{{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8 << 20}, {unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 8 << 20}, {unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1}}
	if o.Link.Offload {
		set = append(set, [3]int{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1})
	}
	for _, s := range set {
		if err := unix.SetsockoptInt(fd, s[0], s[1], s[2]); err != nil {
			return nil, fmt.Errorf("packet socket option %v: %w", s, err)
		}
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifi.Index}); err != nil {
		return nil, err
	}
	return fdbased.New(fdOptions(o, fd, mtu))
}

// gsoPipe is gVisor's pipe with what its users add for super-segments: nothing
// is cut, and checksums between the two stacks need not be made.
type gsoPipe struct{ *pipe.Endpoint }

func (gsoPipe) GSOMaxSize() uint32               { return gsoMax }
func (gsoPipe) SupportedGSO() stack.SupportedGSO { return stack.HostGSOSupported }
func (gsoPipe) Capabilities() stack.LinkEndpointCapabilities {
	return stack.CapabilityTXChecksumOffload | stack.CapabilityRXChecksumOffload
}

func pairGVisor(o Options) (host, guest Net, err error) {
	a, b := pipe.New("\x02\x00\x00\x00\x09\x01", guestMAC(), uint32(o.Link.MTU))
	var ea, eb stack.LinkEndpoint = a, b
	if o.Link.Offload {
		ea, eb = gsoPipe{a}, gsoPipe{b}
	}
	if host, err = newGVisor(ea, link.Host, o.GVisor); err != nil {
		return nil, nil, err
	}
	guest, err = newGVisor(eb, link.Guest, o.GVisor)
	return host, guest, err
}
