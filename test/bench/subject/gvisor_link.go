package subject

import (
	"net"

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
		fd, err := o.Link.OpenPacket(o.Dev) // as runsc does, with larger buffers
		if err != nil {
			return nil, err
		}
		return fdbased.New(fdOptions(o, fd, mtu))
	}
	fd, err := o.Link.OpenTun(o.Dev)
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
