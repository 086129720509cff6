package subject

import (
	"net"
	"net/netip"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/test/bench/link"
)

// mini is ministack as it comes: no setting is changed.
type mini struct{ s *ministack.Stack }

func openMinistack(o Options) (Net, error) {
	d, err := driverOf(o)
	if err != nil {
		return nil, err
	}
	return newMinistack(d, link.Guest)
}

func driverOf(o Options) (netdev.Driver, error) {
	plain := !o.Link.Offload
	switch o.Link.Device {
	case link.TUN:
		return netdev.OpenTUN(o.Dev, netdev.TAPOptions{Plain: plain})
	case link.Packet:
		return netdev.OpenPacket(o.Dev, netdev.PacketOptions{Plain: plain})
	}
	return netdev.OpenTAP(o.Dev, netdev.TAPOptions{Plain: plain})
}

func pairMinistack(o Options) (host, guest Net, err error) {
	a, b := netdev.PipeWith(netdev.PipeOptions{MTU: o.Link.MTU, Offload: o.Link.Offload})
	if host, err = newMinistack(a, link.Host); err != nil {
		return nil, nil, err
	}
	guest, err = newMinistack(b, link.Guest)
	return host, guest, err
}

func newMinistack(d netdev.Driver, addr string) (Net, error) {
	s, err := ministack.New(ministack.Config{})
	if err != nil {
		return nil, err
	}
	if _, err := s.Attach(d, "eth0"); err != nil {
		return nil, err
	}
	return mini{s}, s.AddAddr("eth0", netip.MustParsePrefix(addr+"/24"))
}

func (m mini) Dial(network, addr string) (net.Conn, error)      { return m.s.Dial(network, addr) }
func (m mini) Listen(addr string) (net.Listener, error)         { return m.s.Listen("tcp", addr) }
func (m mini) ListenPacket(addr string) (net.PacketConn, error) { return m.s.ListenPacket("udp", addr) }
func (m mini) Close() error                                     { return m.s.Close() }
