// Package parity runs one test body on the kernel's sockets and on ours, and
// demands the same of both: errnos, bytes, and frames on the wire. What it
// finds different is a defect, or a row of docs/deviations.md.
package parity

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/netns"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { netns.Main(m) }

// The two ends of a host's only link. The wire answers ARP requests for the
// peer's address.
var (
	hostAddr  = netip.MustParseAddr("10.8.0.1")
	peerAddr  = netip.MustParseAddr("10.8.0.2")
	broadcast = netip.MustParseAddr("10.8.0.255")
	peerMAC   = net.HardwareAddr{2, 0, 0, 0, 0, 2}
)

// patience is how long a call may sleep before it counts as one that would for
// ever: SO_RCVTIMEO of every socket, so that no test hangs.
const patience = 2 * time.Second

// host is a stack with one link, whose other end the test holds.
type host struct {
	*wire
	name  string
	dev   string
	index int
	mac   net.HardwareAddr
	open  func(domain, typ, protocol int) (calls, error)
	stack *ministack.Stack // nil: the kernel
}

// onBoth runs the body on the kernel and on a stack of ours.
func onBoth(t *testing.T, body func(t *testing.T, h *host)) {
	t.Run("linux", func(t *testing.T) { body(t, kernelHost(t)) })
	t.Run("ministack", func(t *testing.T) { body(t, ourHost(t)) })
}

// socket makes a socket that must be had; it is closed with the test.
func (h *host) socket(domain, typ, protocol int) calls {
	h.t.Helper()
	s, err := h.open(domain, typ, protocol)
	require.NoError(h.t, err)
	require.NoError(h.t, s.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, int(patience/time.Microsecond)))
	h.t.Cleanup(func() { _ = s.Close() }) // the body may have
	return s
}

// kernelHost is the kernel on a TAP, or on one end of a veth pair where TAPs
// cannot be had.
func kernelHost(t *testing.T) *host {
	far, dev := openKernelLink(t)
	netns.IP(t, "link set lo up")
	_ = os.WriteFile("/proc/sys/net/ipv6/conf/"+dev+"/disable_ipv6", []byte("1"), 0o644)   // quiet, not needed
	_ = os.WriteFile("/proc/sys/net/ipv4/icmp_ratelimit", []byte("0"), 0o644)              // tests come faster
	_ = os.WriteFile("/proc/sys/net/ipv4/ping_group_range", []byte("0 2147483647"), 0o644) // as ours
	netns.IP(t, "addr add 10.8.0.1/24 brd + dev "+dev)
	netns.IP(t, "link set "+dev+" up")
	i, err := net.InterfaceByName(dev)
	require.NoError(t, err)
	h := &host{name: "linux", dev: dev, index: i.Index, mac: i.HardwareAddr, open: kernelSocket}
	h.wire = newWire(t, h, far)
	return h
}

func openKernelLink(t *testing.T) (netdev.Driver, string) {
	if d, err := netdev.OpenTAP("par0", netdev.TAPOptions{Plain: true}); err == nil {
		return d, "par0"
	}
	netns.IP(t, "link add par0 type veth peer name par1")
	t.Cleanup(func() { netns.IP(t, "link del par0") })
	netns.IP(t, "link set par1 addrgenmode none up")
	d, err := netdev.OpenPacket("par1", netdev.PacketOptions{})
	require.NoError(t, err)
	return d, "par0"
}

// ourHost is a stack of ours on a pipe.
func ourHost(t *testing.T) *host {
	near, far := netdev.Pipe(1500)
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	d, err := s.Attach(near, "eth0")
	require.NoError(t, err)
	require.NoError(t, s.SetSysctl("net.ipv4.icmp_ratelimit", "0"))
	require.NoError(t, s.AddAddr("eth0", netip.PrefixFrom(hostAddr, 24)))
	h := &host{name: "ministack", dev: "eth0", index: d.Index, mac: net.HardwareAddr(d.MAC[:]), stack: s}
	h.open = func(domain, typ, protocol int) (calls, error) {
		s, err := s.Socket(domain, typ, protocol)
		if err != nil {
			return nil, err
		}
		return ours{s}, nil
	}
	t.Cleanup(func() { requireBalance(t, s) })
	h.wire = newWire(t, h, far)
	return h
}

// requireBalance is the conservation law at the end of every test.
func requireBalance(t *testing.T, s *ministack.Stack) {
	require.NoError(t, s.Close())
	var n skb.Count
	require.Eventually(t, func() bool { n = s.Pool().Count(); return n.Live == 0 }, patience, time.Millisecond,
		"buffers that met no fate")
	require.Zero(t, n.Twice, "buffers that died twice")
}

// arrive waits for what the host sends to itself, which on our stack another
// goroutine delivers.
func (h *host) arrive() { time.Sleep(2 * quiet) }
