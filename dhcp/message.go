package dhcp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

const ethernet = iana.HWTypeEthernet

var (
	anyClient = netip.AddrPortFrom(netip.IPv4Unspecified(), dhcpv4.ClientPort)
	anyServer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), dhcpv4.ServerPort)
)

// wanted are the options that a server is asked for. Routes stand before
// routers, so that they win where there is room for one only (RFC 3442).
var wanted = []dhcpv4.OptionCode{
	dhcpv4.OptionSubnetMask, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer,
	dhcpv4.OptionDomainName, dhcpv4.OptionInterfaceMTU, dhcpv4.OptionIPAddressLeaseTime,
	dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue,
}

// open makes the socket: port 68, bound to the device.
func (c *Client) open() error {
	k, err := c.stack.Socket(socket.AF_INET, socket.SOCK_DGRAM|socket.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	err = k.Setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
	if err == nil {
		err = k.Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, c.dev.Index)
	}
	if err == nil {
		err = k.Bind(anyClient)
	}
	if err != nil {
		_ = k.Close() // the first error is the one to report
		return err
	}
	c.sock = k
	c.wake = k.Waiters().Add(socket.POLLIN, func(inet.Ready) { c.clock.Post(func() { c.do(c.receive) }) })
	return nil
}

// receive reads what has come, as far as it belongs to the present exchange.
func (c *Client) receive() {
	buf := make([]byte, 1<<16)
	for c.state != stopped {
		n, _, err := c.sock.RecvFrom(buf, 0)
		if err != nil {
			return
		}
		m, err := dhcpv4.FromBytes(buf[:n])
		if err != nil || m.OpCode != dhcpv4.OpcodeBootReply || m.TransactionID != c.xid ||
			string(m.ClientHWAddr) != string(c.dev.MAC[:]) {
			continue // somebody else's, or nobody's
		}
		c.input(m)
	}
}

func (c *Client) newXID() (x dhcpv4.TransactionID) {
	binary.BigEndian.PutUint32(x[:], c.stack.Rand().Uint32())
	return x
}

// message is what all messages have in common (RFC 2131 4.4.1, table 5).
func (c *Client) message(t dhcpv4.MessageType, from net.IP) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootRequest, HWType: ethernet, TransactionID: c.xid,
		NumSeconds: uint16(min(c.clock.Now().Sub(c.began)/time.Second, 1<<16-1)), ClientIPAddr: from,
		ClientHWAddr: c.dev.MAC[:], Options: dhcpv4.Options{}}
	m.UpdateOption(dhcpv4.OptMessageType(t))
	m.UpdateOption(dhcpv4.OptClientIdentifier(c.cfg.ClientID))
	return m
}

// ask adds what a message has that is to be answered.
func (c *Client) ask(m *dhcpv4.DHCPv4) {
	m.UpdateOption(dhcpv4.OptParameterRequestList(wanted...))
	m.UpdateOption(dhcpv4.OptMaxMessageSize(uint16(max(c.dev.MTU(), 576))))
	if c.cfg.Hostname != "" {
		m.UpdateOption(dhcpv4.OptHostName(c.cfg.Hostname))
	}
}

// sendDiscover asks whether there is a server. Answers are to be broadcast: a
// socket without an address gets no others (RFC 2131 4.1).
func (c *Client) sendDiscover() {
	m := c.message(dhcpv4.MessageTypeDiscover, nil)
	c.ask(m)
	m.SetBroadcast()
	c.send(m, anyServer)
	c.backoff()
}

// sendRequest asks for what was offered.
func (c *Client) sendRequest() {
	m := c.message(dhcpv4.MessageTypeRequest, nil)
	c.ask(m)
	m.SetBroadcast()
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(c.offer.YourIPAddr))
	m.UpdateOption(dhcpv4.OptServerIdentifier(c.offer.ServerIdentifier()))
	c.send(m, anyServer)
	c.backoff()
}

// renew asks for more time: the server in RENEWING, anybody in REBINDING; and
// again after half of the time that is left until end, but not before a minute
// (RFC 2131 4.4.5).
func (c *Client) renew(end clock.Time) {
	m := c.message(dhcpv4.MessageTypeRequest, c.lease.Addr.Addr().AsSlice())
	c.ask(m)
	to := anyServer
	if c.state == renewing {
		to = netip.AddrPortFrom(c.lease.Server, dhcpv4.ServerPort)
	}
	c.send(m, to)
	c.tries++
	left := end.Sub(c.clock.Now())
	c.arm(min(max(left/2, shortestWait), left))
}

// release gives the lease back (RFC 2131 4.4.6).
func (c *Client) release() {
	c.xid = c.newXID()
	m := c.message(dhcpv4.MessageTypeRelease, c.lease.Addr.Addr().AsSlice())
	m.NumSeconds = 0
	m.UpdateOption(dhcpv4.OptServerIdentifier(c.lease.Server.AsSlice()))
	c.send(m, netip.AddrPortFrom(c.lease.Server, dhcpv4.ServerPort))
}

// send sends a message. That it failed matters no more than a loss: whatever is
// worth it is sent again.
func (c *Client) send(m *dhcpv4.DHCPv4, to netip.AddrPort) {
	c.sent = c.clock.Now()
	_, err := c.sock.SendTo(m.ToBytes(), 0, to)
	c.failed(err)
}
