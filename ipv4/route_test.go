package ipv4_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

func TestAGatewayMustBeOnALink(t *testing.T) {
	p := world.NewPeer(t)
	ip, eth := p.S.IP(), p.S.Devices()[1]
	require.NoError(t, ip.AddRoute(ipv4.Entry{Dst: pfx("172.16.0.0/16"), Via: addr("10.0.0.254")}))
	for name, c := range map[string]struct {
		e    ipv4.Entry
		want error
	}{
		"off the link":            {ipv4.Entry{Dst: pfx("0.0.0.0/0"), Via: addr("192.0.2.1"), Dev: eth}, syscall.ENETUNREACH},
		"behind a gateway itself": {ipv4.Entry{Dst: pfx("0.0.0.0/0"), Via: addr("172.16.0.1"), Dev: eth}, syscall.ENETUNREACH},
		"ourselves":               {ipv4.Entry{Dst: pfx("0.0.0.0/0"), Via: addr("10.0.0.1")}, syscall.EINVAL},
		"of another family":       {ipv4.Entry{Dst: pfx("0.0.0.0/0"), Via: addr("fe80::1"), Dev: eth}, syscall.EINVAL},
		"neither hop nor device":  {ipv4.Entry{Dst: pfx("0.0.0.0/0")}, syscall.ENETUNREACH},
		"host bits in the prefix": {ipv4.Entry{Dst: pfx("10.9.9.9/8"), Dev: eth}, syscall.EINVAL},
	} {
		require.ErrorIs(t, ip.AddRoute(c.e), c.want, name)
	}
}

func TestTheSmallerMetricWinsWhileItsDeviceIsUp(t *testing.T) {
	p, _ := router(t)
	ip, eth0, eth1 := p.S.IP(), p.S.Devices()[1], p.S.Devices()[2]
	require.NoError(t, ip.AddRoute(ipv4.Entry{Dst: pfx("0.0.0.0/0"), Via: addr("10.0.0.254"), Metric: 100}))
	require.NoError(t, ip.AddRoute(ipv4.Entry{Dst: pfx("0.0.0.0/0"), Via: addr("10.2.0.254"), Metric: 10}))
	f := &inet.Flow{Dst: addr("203.0.113.1")}
	r, err := ip.Route(f)
	require.NoError(t, err)
	require.Equal(t, eth1, r.Dev)
	require.Equal(t, addr("10.2.0.1"), r.Src, "the source of the next hop's network")
	eth1.SetFlags(0, netdev.Up)
	r, err = ip.Route(f)
	require.NoError(t, err)
	require.Equal(t, eth0, r.Dev)
	require.Equal(t, addr("10.0.0.254"), r.NextHop)
}

// RFC 1122 3.3.4.3: who names no source gets the route's, one of the next hop's
// network, the device's first, or that of another device, in this order.
func TestTheSourceIsChosenByTheWayOut(t *testing.T) {
	p, _ := router(t)
	a, _ := netdev.Pipe(1000)
	bare, err := p.S.Attach(a, "eth2")
	require.NoError(t, err)
	require.NoError(t, p.S.AddAddr("eth1", pfx("10.3.0.1/24")))
	ip := p.S.IP()
	require.NoError(t, ip.AddRoute(ipv4.Entry{Dst: pfx("203.0.113.0/24"), Via: addr("10.3.0.9")}))
	require.NoError(t, ip.AddRoute(ipv4.Entry{Dst: pfx("203.0.113.9/32"), Via: addr("10.3.0.9"), Src: addr("10.0.0.1")}))
	for _, c := range []struct {
		f    inet.Flow
		want string
	}{
		{inet.Flow{Dst: addr("203.0.113.9"), Src: addr("10.2.0.1")}, "10.2.0.1"},
		{inet.Flow{Dst: addr("203.0.113.9")}, "10.0.0.1"},
		{inet.Flow{Dst: addr("203.0.113.1")}, "10.3.0.1"},
		{inet.Flow{Dst: addr("10.3.0.7")}, "10.3.0.1"},
		{inet.Flow{Dst: addr("198.51.100.1"), Device: p.S.Devices()[2].Index}, "10.2.0.1"},
		{inet.Flow{Dst: addr("198.51.100.1"), Device: bare.Index}, "10.0.0.1"},
	} {
		r, err := ip.Route(&c.f)
		require.NoError(t, err)
		require.Equal(t, c.want, r.Src.String(), "%+v", c.f)
	}
}

func TestAFlowMayNameItsDeviceAndSource(t *testing.T) { // B12
	p, _ := router(t)
	ip, eth1 := p.S.IP(), p.S.Devices()[2]
	r, err := ip.Route(&inet.Flow{Dst: addr("203.0.113.1"), Device: eth1.Index})
	require.NoError(t, err, "bound to a device, everything is on its link")
	require.Equal(t, addr("203.0.113.1"), r.NextHop)
	_, err = ip.Route(&inet.Flow{Dst: addr("203.0.113.1"), Device: 77})
	require.ErrorIs(t, err, syscall.ENODEV)
	_, err = ip.Route(&inet.Flow{Dst: addr("10.0.0.9"), Src: addr("192.0.2.1")})
	require.ErrorIs(t, err, syscall.ENETUNREACH)
	_, err = ip.Route(&inet.Flow{Dst: addr("203.0.113.1")})
	require.ErrorIs(t, err, syscall.ENETUNREACH)
}

func TestAKeptRouteLearnsOfEachChange(t *testing.T) {
	p := world.NewPeer(t)
	ip := p.S.IP()
	f := &inet.Flow{Dst: addr("10.0.0.9")}
	for name, change := range map[string]func(){
		"route":    func() { require.NoError(t, ip.AddRoute(ipv4.Entry{Dst: pfx("10.0.0.9/32"), Via: addr("10.0.0.8")})) },
		"address":  func() { require.NoError(t, p.S.AddAddr("eth0", pfx("10.7.0.1/24"))) },
		"path MTU": func() { ip.UpdatePMTU(addr("10.0.0.9"), 900) },
	} {
		r, err := ip.Route(f)
		require.NoError(t, err)
		require.True(t, r.Valid())
		change()
		require.False(t, r.Valid(), name)
	}
	p.Take()
}

func TestThePathMTUHasAFloorAndAnEnd(t *testing.T) { // RFC 1191 6.3
	p := world.NewPeer(t)
	ip, f := p.S.IP(), &inet.Flow{Dst: addr("10.0.0.9")}
	mtu := func() int {
		r, err := ip.Route(f)
		require.NoError(t, err)
		return r.MTU
	}
	require.Equal(t, 1500, mtu())
	ip.UpdatePMTU(f.Dst, 1400)
	require.Equal(t, 1400, mtu())
	ip.UpdatePMTU(f.Dst, 1450)
	require.Equal(t, 1400, mtu(), "it only falls")
	ip.UpdatePMTU(f.Dst, 68)
	require.Equal(t, 552, mtu(), "net.ipv4.route.min_pmtu")
	p.Wait(599 * time.Second)
	require.Equal(t, 552, mtu())
	p.Wait(2 * time.Second)
	require.Equal(t, 1500, mtu())
	ip.UpdatePMTU(f.Dst, 9000)
	require.Equal(t, 1500, mtu(), "a device's MTU is not raised")
}

func TestAddressesTakeTheirRoutesWithThem(t *testing.T) {
	p := world.NewPeer(t)
	ip := p.S.IP()
	eth := p.S.Devices()[1]
	require.NoError(t, ip.AddAddr(eth, pfx("10.0.0.2/24")))
	require.ErrorIs(t, ip.AddAddr(eth, pfx("10.0.0.2/24")), syscall.EEXIST)
	require.Len(t, ip.Routes(), 1, "one route for one network")
	require.NoError(t, ip.DelAddr(eth, pfx("10.0.0.1/24")))
	require.Equal(t, addr("10.0.0.2"), ip.Routes()[0].Src, "the next address takes over")
	require.NoError(t, ip.DelAddr(eth, pfx("10.0.0.2/24")))
	require.Empty(t, ip.Routes())
	require.ErrorIs(t, ip.DelAddr(eth, pfx("10.0.0.2/24")), syscall.EADDRNOTAVAIL)
	require.False(t, ip.IsLocal(addr("10.0.0.1")))
	for _, bad := range []string{"224.0.0.1/24", "255.255.255.255/32", "0.0.0.0/0", "fe80::1/64"} {
		require.ErrorIs(t, ip.AddAddr(eth, pfx(bad)), syscall.EINVAL, bad)
	}
	p.Take()
}

func TestTheLowestAddressOfANetworkIsAHost(t *testing.T) { // Linux 5.14
	ip := world.NewPeer(t).S.IP()
	require.Equal(t, inet.Unicast, ip.Kind(addr("10.0.0.0")))
	require.Equal(t, inet.Broadcast, ip.Kind(addr("10.0.0.255")))
	require.Equal(t, inet.Local, ip.Kind(addr("127.9.9.9")))
	require.Equal(t, inet.Multicast, ip.Kind(addr("239.0.0.1")))
}

func TestOwnBroadcastsComeBack(t *testing.T) { // ip_mc_output
	for _, dst := range []string{"10.0.0.255", "255.255.255.255", "224.0.0.1"} {
		p := world.NewPeer(t)
		k, err := p.S.Socket(socket.AF_INET, socket.SOCK_RAW, 50)
		require.NoError(t, err)
		r, err := p.S.IP().Route(&inet.Flow{Dst: addr(dst)})
		require.NoError(t, err)
		b := p.S.Pool().New(12)
		b.Append([]byte("many hearers"))
		require.NoError(t, p.S.IP().Output(b, r, &inet.Header{Proto: 50, TTL: 1, Loop: true}))
		p.S.Flush()
		require.Len(t, p.Take(), 1, dst)
		buf := make([]byte, 100)
		n, from, err := k.RecvFrom(buf, socket.MSG_DONTWAIT)
		require.NoError(t, err)
		require.Equal(t, "many hearers", string(buf[20:n]))
		require.Equal(t, addr("10.0.0.1"), from.Addr())
	}
}
