package dhcp_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/stretchr/testify/require"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/dhcp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
)

// lan is a client's stack without an address and a server's, on one link and
// one virtual clock. The server runs in events of the clock.
type lan struct {
	*world.World
	client, server *ministack.Stack
	sock           *socket.Socket

	silent bool                                 // the server hears and says nothing
	alter  func(question, reply *dhcpv4.DHCPv4) // changes a reply
	heard  []heard                              // every message
	leases []*dhcp.Lease                        // what Changed was told
	answer map[dhcpv4.MessageType]dhcpv4.MessageType
}

type heard struct {
	at   clock.Time
	from netip.AddrPort
	to   netip.Addr
	*dhcpv4.DHCPv4
}

const hour = time.Hour

func newLAN(t *testing.T) *lan {
	w := &world.World{T: t, Clock: clock.NewVirtual()}
	a, b := netdev.Pipe(1500)
	l := &lan{World: w, client: w.Stack(), server: w.Stack(), answer: map[dhcpv4.MessageType]dhcpv4.MessageType{
		dhcpv4.MessageTypeDiscover: dhcpv4.MessageTypeOffer, dhcpv4.MessageTypeRequest: dhcpv4.MessageTypeAck}}
	_, err := l.client.Attach(a, "eth0")
	require.NoError(t, err)
	_, err = l.server.Attach(b, "eth0")
	require.NoError(t, err)
	require.NoError(t, l.server.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24")))
	l.sock, err = l.server.Socket(socket.AF_INET, socket.SOCK_DGRAM|socket.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	require.NoError(t, l.sock.Setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1))
	require.NoError(t, l.sock.Setsockopt(socket.SOL_IP, socket.IP_PKTINFO, 1)) // whom a message was to
	require.NoError(t, l.sock.Bind(netip.MustParseAddrPort("0.0.0.0:67")))
	l.sock.Waiters().Add(socket.POLLIN, func(inet.Ready) { l.Clock.Post(l.serve) })
	l.alter = func(_, _ *dhcpv4.DHCPv4) {}
	return l
}

// start starts the client; an error that it meets fails the test.
func (l *lan) start() *dhcp.Client {
	l.T.Helper()
	c, err := dhcp.Start(l.client, dhcp.Config{Device: "eth0", Hostname: "ministack",
		Changed: func(lease *dhcp.Lease) { l.leases = append(l.leases, lease) },
		Failed:  func(err error) { l.T.Errorf("the client says: %v", err) }})
	require.NoError(l.T, err)
	l.T.Cleanup(func() { _ = c.Close() })
	return c
}

// leased starts a client and returns it with its lease.
func (l *lan) leased() (*dhcp.Client, *dhcp.Lease) {
	l.T.Helper()
	c := l.start()
	lease, err := c.Wait(l.T.(*testing.T).Context())
	require.NoError(l.T, err)
	return c, lease
}

func (l *lan) serve() {
	buf := make([]byte, 1500)
	for {
		msg := socket.Message{Data: buf}
		n, err := l.sock.RecvMsg(&msg, 0)
		if err != nil {
			return
		}
		m, err := dhcpv4.FromBytes(buf[:n])
		require.NoError(l.T, err)
		l.heard = append(l.heard, heard{l.Clock.Now(), msg.Addr, msg.To, m})
		if t, ok := l.answer[m.MessageType()]; ok && !l.silent {
			l.reply(m, t, msg.Addr)
		}
	}
}

func (l *lan) reply(m *dhcpv4.DHCPv4, t dhcpv4.MessageType, to netip.AddrPort) {
	r, err := dhcpv4.NewReplyFromRequest(m, dhcpv4.WithMessageType(t), dhcpv4.WithServerIP(net.IPv4(10, 0, 0, 1)),
		dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(10, 0, 0, 1))))
	require.NoError(l.T, err)
	if t != dhcpv4.MessageTypeNak {
		r.YourIPAddr = net.IPv4(10, 0, 0, 77)
		r.UpdateOption(dhcpv4.OptSubnetMask(net.CIDRMask(24, 32)))
		r.UpdateOption(dhcpv4.OptRouter(net.IPv4(10, 0, 0, 1)))
		r.UpdateOption(dhcpv4.OptDNS(net.IPv4(10, 0, 0, 53), net.IPv4(10, 0, 0, 54)))
		r.UpdateOption(dhcpv4.OptDomainName("example.com"))
		r.UpdateOption(dhcpv4.OptIPAddressLeaseTime(hour))
	}
	l.alter(m, r)
	if m.IsBroadcast() {
		to = netip.MustParseAddrPort("255.255.255.255:68")
	}
	_, err = l.sock.SendTo(r.ToBytes(), 0, to)
	require.NoError(l.T, err)
}

// kinds are the messages that the server heard, in order.
func (l *lan) kinds() []dhcpv4.MessageType {
	var all []dhcpv4.MessageType
	for _, h := range l.heard {
		all = append(all, h.MessageType())
	}
	return all
}

// addrs are the addresses of the client's device.
func (l *lan) addrs() []netip.Prefix { return l.client.Devices()[1].Addrs() }
