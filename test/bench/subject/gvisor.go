package subject

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/qdisc/fifo"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"

	"github.com/slankdev/ministack/test/bench/link"
)

// gVisor's netstack as its own users have it at its fastest: SACK, RACK and
// CUBIC, buffers that tune themselves, large ones to begin with.
type gvisor struct {
	s    *stack.Stack
	addr tcpip.Address
}

const (
	gvisorNIC       = 1
	gvisorMaxBuffer = 8 << 20
)

// gvisorSettings are the settings that differ from gVisor's defaults, and
// those that a reader would ask about.
func gvisorSettings(s *stack.Stack, buffer int) error {
	sack, recovery, cc, tune := tcpip.TCPSACKEnabled(true), tcpip.TCPRACKLossDetection, tcpip.CongestionControlOption("cubic"), tcpip.TCPModerateReceiveBufferOption(true)
	send := tcpip.TCPSendBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: buffer, Max: gvisorMaxBuffer}
	recv := tcpip.TCPReceiveBufferSizeRangeOption{Min: tcp.MinBufferSize, Default: buffer, Max: gvisorMaxBuffer}
	reuse := tcpip.TCPTimeWaitReuseGlobal
	datagrams := tcpip.ReceiveBufferSizeOption{Min: 4096, Default: 1 << 20, Max: 4 << 20} // UDP's; gonet cannot set one's own
	if err := s.SetOption(datagrams); err != nil {
		return fmt.Errorf("gVisor refuses %T: %v", datagrams, err)
	}
	for _, o := range []tcpip.SettableTransportProtocolOption{&sack, &recovery, &cc, &tune, &send, &recv, &reuse} {
		if err := s.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return fmt.Errorf("gVisor refuses %T: %v", o, err)
		}
	}
	return nil
}

// newGVisor makes a stack of a link endpoint.
func newGVisor(ep stack.LinkEndpoint, addr string, o GVisorOptions) (Net, error) {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocolCUBIC, udp.NewProtocol, icmp.NewProtocol4},
		HandleLocal:        true,
	})
	if err := gvisorSettings(s, cmp.Or(o.Buffer, tcp.DefaultSendBufferSize)); err != nil {
		return nil, err
	}
	if err := s.CreateNICWithOptions(gvisorNIC, ep, nicOptions(ep, o)); err != nil {
		return nil, fmt.Errorf("gVisor's CreateNIC: %v", err)
	}
	g := &gvisor{s: s, addr: tcpip.AddrFromSlice(netip.MustParseAddr(addr).AsSlice())}
	own := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: tcpip.AddressWithPrefix{Address: g.addr, PrefixLen: 24}}
	if err := s.AddProtocolAddress(gvisorNIC, own, stack.AddressProperties{}); err != nil {
		return nil, fmt.Errorf("gVisor's AddProtocolAddress: %v", err)
	}
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: gvisorNIC}})
	return g, nil
}

func nicOptions(ep stack.LinkEndpoint, o GVisorOptions) stack.NICOptions {
	if o.QDisc == "none" {
		return stack.NICOptions{}
	}
	return stack.NICOptions{QDisc: fifo.New(ep, runtime.GOMAXPROCS(0), 1000)}
}

func full(addr string) (tcpip.FullAddress, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return tcpip.FullAddress{}, err
	}
	a := tcpip.FullAddress{NIC: gvisorNIC}
	if _, err := fmt.Sscan(port, &a.Port); err != nil || host == "" {
		return a, err
	}
	ip, err := netip.ParseAddr(host)
	if err == nil {
		a.Addr = tcpip.AddrFromSlice(ip.AsSlice())
	}
	return a, err
}

func (g *gvisor) Dial(network, addr string) (net.Conn, error) {
	a, err := full(addr)
	if err != nil {
		return nil, err
	}
	if network == "udp" {
		return gonet.DialUDP(g.s, nil, &a, ipv4.ProtocolNumber)
	}
	return gonet.DialContextTCP(context.Background(), g.s, a, ipv4.ProtocolNumber)
}

func (g *gvisor) Listen(addr string) (net.Listener, error) {
	a, err := full(addr)
	if err != nil {
		return nil, err
	}
	return gonet.ListenTCP(g.s, a, ipv4.ProtocolNumber)
}

func (g *gvisor) ListenPacket(addr string) (net.PacketConn, error) {
	a, err := full(addr)
	if err != nil {
		return nil, err
	}
	return gonet.DialUDP(g.s, &a, nil, ipv4.ProtocolNumber)
}

func (g *gvisor) Close() error {
	g.s.Close()
	return nil
}

func openGVisor(o Options) (Net, error) {
	ep, err := gvisorEndpoint(o)
	if err != nil {
		return nil, err
	}
	return newGVisor(ep, link.Guest, o.GVisor)
}
