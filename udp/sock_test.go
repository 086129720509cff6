package udp_test

import (
	"bytes"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

var peer = netip.MustParseAddrPort("10.0.0.9:1000")

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// open returns a UDP socket, bound unless local is empty.
func open(t testing.TB, s *ministack.Stack, local string) *socket.Socket {
	k, err := s.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
	require.NoError(t, err)
	if local != "" {
		require.NoError(t, k.Bind(at(local)))
	}
	return k
}

// udp is a header from the peer.
func udp(ip *layers.IPv4, dst int) *layers.UDP {
	u := &layers.UDP{SrcPort: layers.UDPPort(peer.Port()), DstPort: layers.UDPPort(dst)}
	_ = u.SetNetworkLayerForChecksum(ip) // it takes any IPv4 header
	return u
}

// datagram sends payload from the peer to a port of the stack.
func datagram(p *world.Peer, dst int, payload string) {
	ip := p.IPv4(layers.IPProtocolUDP)
	p.Send(p.Ether(layers.EthernetTypeIPv4), ip, udp(ip, dst), gopacket.Payload(payload))
}

// poll reads without waiting.
func poll(k *socket.Socket) (string, error) {
	buf := make([]byte, 70000)
	n, err := k.Recv(buf, socket.MSG_DONTWAIT)
	return string(buf[:n]), err
}

func requireRead(t testing.TB, k *socket.Socket, want string) {
	t.Helper()
	got, err := poll(k)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func requireEmpty(t testing.TB, k *socket.Socket) {
	t.Helper()
	_, err := poll(k)
	require.Equal(t, syscall.EAGAIN, err)
}

// quote is the ICMP error typ about the datagram in sent.
func quote(p *world.Peer, sent gopacket.Packet, typ layers.ICMPv4TypeCode, info uint16) {
	ip := sent.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	head := append(append([]byte(nil), ip.Contents...), ip.Payload[:8]...)
	p.Send(p.Ether(layers.EthernetTypeIPv4), p.IPv4(layers.IPProtocolICMPv4),
		&layers.ICMPv4{TypeCode: typ, Seq: info}, gopacket.Payload(head))
}

var (
	portUnreachable = layers.CreateICMPv4TypeCode(3, 3)
	hostUnreachable = layers.CreateICMPv4TypeCode(3, 1)
	fragNeeded      = layers.CreateICMPv4TypeCode(3, 4)
)

// B15, B47: an ICMP error reaches a socket that is connected or has
// IP_RECVERR, and no other; a soft one (host unreachable) not even the first.
func TestICMPErrorsReachWhoAskedForThem(t *testing.T) {
	for _, c := range []struct {
		why     string
		connect bool
		recvErr int
		typ     layers.ICMPv4TypeCode
		want    error
	}{
		{"connected", true, 0, portUnreachable, syscall.ECONNREFUSED},
		{"connected, soft", true, 0, hostUnreachable, syscall.EAGAIN},
		{"unconnected", false, 0, portUnreachable, syscall.EAGAIN},
		{"IP_RECVERR", false, 1, portUnreachable, syscall.ECONNREFUSED},
		{"IP_RECVERR, soft", false, 1, hostUnreachable, syscall.EHOSTUNREACH},
	} {
		p := world.NewPeer(t)
		p.Introduce()
		k := open(t, p.S, "")
		require.NoError(t, k.Setsockopt(socket.SOL_IP, socket.IP_RECVERR, c.recvErr))
		if c.connect {
			require.NoError(t, k.Connect(peer))
		}
		_, err := k.SendTo([]byte("x"), 0, peer)
		require.NoError(t, err)
		quote(p, p.One(), c.typ, 0)
		_, err = poll(k)
		require.Equal(t, c.want, err, c.why)
		requireEmpty(t, k)
	}
}

// RFC 1191: a router's report bounds what IP_PMTUDISC_DO lets through, and is
// reported to a connected socket.
func TestPathMTUBoundsDatagramsThatMayNotBeFragmented(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	k := open(t, p.S, "")
	require.NoError(t, k.Connect(peer))
	require.NoError(t, k.Setsockopt(socket.SOL_IP, socket.IP_MTU_DISCOVER, 2))
	_, err := k.Send(make([]byte, 1473), 0)
	require.Equal(t, syscall.EMSGSIZE, err, "larger than the device's MTU")
	_, err = k.Send(make([]byte, 1472), 0)
	require.NoError(t, err)
	quote(p, p.One(), fragNeeded, 1400)
	_, err = poll(k)
	require.Equal(t, syscall.EMSGSIZE, err)
	mtu, err := k.Getsockopt(socket.SOL_IP, socket.IP_MTU)
	require.NoError(t, err)
	require.Equal(t, 1400, mtu)
	_, err = k.Send(make([]byte, 1373), 0)
	require.Equal(t, syscall.EMSGSIZE, err)
	require.NoError(t, k.Setsockopt(socket.SOL_IP, socket.IP_MTU_DISCOVER, 3))
	_, err = k.Send(make([]byte, 1472), 0)
	require.NoError(t, err, "IP_PMTUDISC_PROBE looks at the device alone")
	p.One()
	require.NoError(t, k.Setsockopt(socket.SOL_IP, socket.IP_MTU_DISCOVER, 1))
	_, err = k.Send(make([]byte, 1472), 0)
	require.NoError(t, err)
	require.Len(t, p.Take(), 2, "fragments")
}

// B33: nobody at the port is reported to the sender, but not for a broadcast. RFC 1122 4.1.3.1.
func TestAClosedPortIsReported(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	datagram(p, 9, "hello")
	reply := p.One()
	require.Equal(t, portUnreachable, reply.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4).TypeCode)
	require.Equal(t, uint8(0xc0), reply.Layer(layers.LayerTypeIPv4).(*layers.IPv4).TOS)
	require.Equal(t, uint64(1), p.S.Counters().Get(stat.UdpNoPorts))
	ip := p.IPv4(layers.IPProtocolUDP)
	ip.DstIP = []byte{10, 0, 0, 255}
	p.Send(p.Ether(layers.EthernetTypeIPv4), ip, udp(ip, 9), gopacket.Payload("hello"))
	p.Silent()
	require.Equal(t, uint64(1), p.S.Counters().Get(stat.UdpIgnoredMulti))
}

// B12: a broadcast address needs SO_BROADCAST, to send to and to connect to;
// and an address of ours to bind to.
func TestBroadcastNeedsPermission(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "")
	for _, to := range []string{"255.255.255.255:9", "10.0.0.255:9"} {
		_, err := k.SendTo([]byte("x"), 0, at(to))
		require.Equal(t, syscall.EACCES, err)
		require.Equal(t, syscall.EACCES, k.Connect(at(to)))
	}
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1))
	_, err := k.SendTo([]byte("x"), 0, at("10.0.0.255:9"))
	require.NoError(t, err)
	eth := p.One().Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	require.Equal(t, layers.EthernetBroadcast, eth.DstMAC)
	require.Equal(t, syscall.EADDRNOTAVAIL, open(t, p.S, "").Bind(at("10.0.0.7:1")))
	_, err = k.SendTo([]byte("x"), 0, at("192.0.2.1:9"))
	require.Equal(t, syscall.ENETUNREACH, err)
}

func TestABroadcastReachesEverySocketThatItFits(t *testing.T) {
	p := world.NewPeer(t)
	var all []*socket.Socket
	for range 2 {
		k := open(t, p.S, "")
		require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
		require.NoError(t, k.Bind(at("0.0.0.0:9")))
		all = append(all, k)
	}
	elsewhere := open(t, p.S, "0.0.0.0:10")
	ip := p.IPv4(layers.IPProtocolUDP)
	ip.DstIP = []byte{255, 255, 255, 255}
	p.Send(p.Ether(layers.EthernetTypeIPv4), ip, udp(ip, 9), gopacket.Payload("all"))
	for _, k := range all {
		requireRead(t, k, "all")
	}
	requireEmpty(t, elsewhere)
	eth := p.Ether(layers.EthernetTypeIPv4) // B13: a broadcast frame with a unicast packet in it is one socket's
	eth.DstMAC = layers.EthernetBroadcast
	ip = p.IPv4(layers.IPProtocolUDP)
	p.Send(eth, ip, udp(ip, 9), gopacket.Payload("one"))
	requireEmpty(t, all[0])
	requireRead(t, all[1], "one")
}

// B14: what the receive buffer does not take is dropped and counted; the user
// gets no error.
func TestAFullReceiveBufferDropsAndCounts(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "0.0.0.0:9")
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10000))
	size, err := k.Getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
	require.NoError(t, err)
	require.Equal(t, 20000, size, "B46")
	for range 20 {
		datagram(p, 9, "x")
	}
	dropped := p.S.Counters().Get(stat.UdpRcvbufErrors)
	require.NotZero(t, dropped)
	require.Equal(t, dropped, p.S.Counters().Get(stat.UdpInErrors))
	require.Equal(t, int64(dropped), p.S.Pool().Drops(skb.SocketRcvBuff))
	for range 20 - dropped {
		requireRead(t, k, "x")
	}
	requireEmpty(t, k)
	datagram(p, 9, "room again")
	requireRead(t, k, "room again")
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0))
	datagram(p, 9, "an empty buffer takes any")
	requireRead(t, k, "an empty buffer takes any")
}

// B47: truncation throws the rest away; MSG_TRUNC tells the length; MSG_PEEK
// leaves the datagram; zero bytes is a datagram. RFC 1122 4.1.
func TestDatagramsKeepTheirBounds(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "0.0.0.0:9")
	require.NoError(t, k.Setsockopt(socket.SOL_IP, socket.IP_PKTINFO, 1))
	require.NoError(t, k.Setsockopt(socket.SOL_IP, socket.IP_RECVTTL, 1))
	datagram(p, 9, "first")
	datagram(p, 9, "")
	datagram(p, 9, "third")
	inq, err := k.Ioctl(socket.SIOCINQ)
	require.NoError(t, err)
	require.Equal(t, 5, inq)
	m := socket.Message{Data: make([]byte, 2)}
	n, err := k.RecvMsg(&m, socket.MSG_PEEK)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, socket.MSG_TRUNC, m.Flags)
	n, err = k.RecvMsg(&m, socket.MSG_TRUNC)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	require.Equal(t, "fi", string(m.Data))
	require.Equal(t, peer, m.Addr)
	require.Equal(t, "10.0.0.1", m.To.String())
	require.Equal(t, uint8(64), m.TTL)
	requireRead(t, k, "")
	requireRead(t, k, "third")
	requireEmpty(t, k)
}

// B47: 65507 bytes are the most; what does not fit the MTU is fragmented and
// reassembled.
func TestTheLargestDatagram(t *testing.T) {
	w := world.Pair(t)
	a, b := open(t, w.Stacks[0], ""), open(t, w.Stacks[1], "0.0.0.0:9")
	data := bytes.Repeat([]byte("0123456789"), 7000)
	to := at(world.Addr(1) + ":9")
	_, err := a.SendTo(data[:65508], 0, to)
	require.Equal(t, syscall.EMSGSIZE, err)
	n, err := a.SendTo(data[:65507], 0, to)
	require.NoError(t, err)
	require.Equal(t, 65507, n)
	got := make([]byte, 70000)
	n, err = b.Recv(got, 0)
	require.NoError(t, err)
	require.Equal(t, data[:65507], got[:n])
}

// RFC 768, RFC 1122 4.1.3.4: a wrong checksum is dropped, one of zero is none.
func TestChecksums(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "0.0.0.0:9")
	ip := p.IPv4(layers.IPProtocolUDP)
	frame := p.Build(p.Ether(layers.EthernetTypeIPv4), ip, udp(ip, 9), gopacket.Payload("data!"))
	const field = 14 + 20 + 6
	frame[field] ^= 1
	p.SendRaw(frame)
	requireEmpty(t, k)
	require.Equal(t, uint64(1), p.S.Counters().Get(stat.UdpInCsumErrors))
	frame[field], frame[field+1] = 0, 0
	p.SendRaw(frame)
	requireRead(t, k, "data!")
}

func TestALengthThatDoesNotFitIsDropped(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "0.0.0.0:9")
	ip := p.IPv4(layers.IPProtocolUDP)
	good := p.Build(p.Ether(layers.EthernetTypeIPv4), ip, udp(ip, 9), gopacket.Payload("data!"))
	const length, sum = 14 + 20 + 4, 14 + 20 + 6
	for _, n := range []byte{0, 7, 14, 255} {
		frame := append([]byte(nil), good...)
		frame[length+1], frame[sum], frame[sum+1] = n, 0, 0
		p.SendRaw(frame)
		requireEmpty(t, k)
	}
	require.Equal(t, int64(4), p.S.Pool().Drops(skb.UDPHdr))
	good[length+1], good[sum], good[sum+1] = 8+4, 0, 0 // less than the packet: the rest is padding
	p.SendRaw(good)
	requireRead(t, k, "data")
}

// connect(2): AF_UNSPEC undoes connect, and what connect had chosen.
func TestDisconnectUndoesWhatConnectChose(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	k := open(t, p.S, "")
	require.NoError(t, k.Connect(peer))
	local, err := k.Getsockname()
	require.NoError(t, err)
	require.Equal(t, "10.0.0.1", local.Addr().String())
	require.True(t, local.Port() >= 32768 && local.Port() <= 60999, "%v", local)
	require.NoError(t, k.Connect(netip.AddrPort{}))
	_, err = k.Getpeername()
	require.Equal(t, syscall.ENOTCONN, err)
	_, err = k.Send([]byte("x"), 0)
	require.Equal(t, syscall.EDESTADDRREQ, err)
	local, err = k.Getsockname()
	require.NoError(t, err)
	require.Zero(t, local.Port())

	bound := open(t, p.S, "0.0.0.0:9")
	require.NoError(t, bound.Connect(peer))
	require.NoError(t, bound.Connect(netip.AddrPort{}))
	local, err = bound.Getsockname()
	require.NoError(t, err)
	require.Equal(t, at("0.0.0.0:9"), local)
	datagram(p, 9, "from anybody")
	requireRead(t, bound, "from anybody")
	require.Equal(t, syscall.EINVAL, bound.Bind(at("0.0.0.0:10")), "B38: bound already")
}

func TestAConnectedSocketHearsItsPeerOnly(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "10.0.0.1:9")
	require.NoError(t, k.Connect(at("10.0.0.9:1001")))
	datagram(p, 9, "from port 1000")
	requireEmpty(t, k)
	require.NoError(t, k.Connect(peer))
	datagram(p, 9, "from port 1000")
	requireRead(t, k, "from port 1000")
}

// SO_BINDTODEVICE on a socket that is bound already.
func TestASocketBoundToADeviceHearsThatOneOnly(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "0.0.0.0:9")
	require.Equal(t, syscall.ENODEV, k.Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 7))
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 1)) // lo
	datagram(p, 9, "x")
	requireEmpty(t, k)
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 2))
	datagram(p, 9, "x")
	requireRead(t, k, "x")
}

// Linux answers ENOTCONN without a peer, and shuts down all the same; a reader
// then gets 0, a writer EPIPE.
func TestShutdown(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "0.0.0.0:9")
	datagram(p, 9, "queued")
	require.Equal(t, syscall.ENOTCONN, k.Shutdown(socket.SHUT_RDWR))
	requireRead(t, k, "queued")
	requireRead(t, k, "")
	_, err := k.SendTo([]byte("x"), 0, peer)
	require.Equal(t, syscall.EPIPE, err)
	require.Equal(t, socket.POLLIN|socket.POLLOUT|socket.POLLHUP|socket.POLLRDHUP, k.Poll())
	require.Equal(t, syscall.EINVAL, k.Shutdown(3))
}

func TestSendRefusesWhatItCannotDo(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, "")
	for _, c := range []struct {
		to    netip.AddrPort
		flags int
		want  error
	}{
		{netip.AddrPort{}, 0, syscall.EDESTADDRREQ},
		{at("10.0.0.9:0"), 0, syscall.EINVAL},
		{at("[2001:db8::1]:9"), 0, syscall.EAFNOSUPPORT},
		{peer, socket.MSG_OOB, syscall.EOPNOTSUPP},
	} {
		_, err := k.SendTo([]byte("x"), c.flags, c.to)
		require.Equal(t, c.want, err, "%v %#x", c.to, c.flags)
	}
	p.Silent()
}

// A socket without permission to fragment, and the multicast options.
func TestMulticastTakesItsOwnTTLDeviceAndLoop(t *testing.T) {
	p := world.NewPeer(t)
	group := at("239.1.2.3:9")
	k := open(t, p.S, "0.0.0.0:9")
	require.NoError(t, k.Membership(socket.IP_ADD_MEMBERSHIP, group.Addr(), 2))
	p.Wait(time.Minute)
	p.Take() // what is said of the group
	_, err := k.SendTo([]byte("x"), 0, group)
	require.NoError(t, err)
	ip := p.One().Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	require.Equal(t, uint8(1), ip.TTL)
	requireRead(t, k, "x") // IP_MULTICAST_LOOP is on
	require.NoError(t, k.Setsockopt(socket.SOL_IP, socket.IP_MULTICAST_TTL, 9))
	require.NoError(t, k.Setsockopt(socket.SOL_IP, socket.IP_MULTICAST_LOOP, 0))
	_, err = k.SendTo([]byte("x"), 0, group)
	require.NoError(t, err)
	ip = p.One().Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	require.Equal(t, uint8(9), ip.TTL)
	requireEmpty(t, k)
	require.Equal(t, syscall.EINVAL, k.Setsockopt(socket.SOL_IP, socket.IP_MULTICAST_TTL, 256))
	require.Equal(t, syscall.EADDRNOTAVAIL, k.Setsockopt(socket.SOL_IP, socket.IP_MULTICAST_IF, 9))
}
