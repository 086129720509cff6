package netdev

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// The kernel as the peer, in a network namespace that the test makes and that
// goes with it. Without root the test runs itself again in a user namespace.

const inNamespace = "MINISTACK_TEST_NETNS"

// netns moves the test into a network namespace of its own. It returns only in
// a process that may do so.
func netns(t testing.TB) {
	if os.Geteuid() != 0 && os.Getenv(inNamespace) == "" {
		inUserNamespace(t)
	}
	runtime.LockOSThread() // for good: the thread ends with the test, and the namespace with it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace to be had: %v", err)
	}
	require.NoError(t, setLinkUp("lo"))
}

// inUserNamespace runs the test in a child process and ends it as the child
// ended.
func inUserNamespace(t testing.TB) {
	cmd := exec.Command(os.Args[0], "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	_, ran := err.(*exec.ExitError)
	switch {
	case err != nil && !ran:
		t.Skipf("neither root nor a user namespace: %v", err)
	case err != nil:
		t.Fatalf("in a user namespace: %v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("in a user namespace:\n%s", out)
	}
	t.SkipNow() // it passed there; nothing is left to do here
}

var (
	kernelIP  = netip.MustParseAddr("10.9.0.1")
	kernelNet = netip.MustParsePrefix("10.9.0.1/24")
	stackIP   = netip.MustParseAddr("10.9.0.2")
	stackMAC  = net.HardwareAddr{2, 0, 0, 0, 9, 2}
)

// wire is the stack's side of a link to the kernel, with as much of a stack as
// the test needs: it answers ARP.
type wire struct {
	Driver
	t         testing.TB
	pool      *skb.Pool
	kernelMAC net.HardwareAddr
	queued    []*skb.Buffer
}

// newWire takes over a driver whose other end is the host's interface ifname.
func newWire(t testing.TB, d Driver, ifname string) *wire {
	w := &wire{Driver: d, t: t, pool: skb.NewPool(nil)}
	ifi, err := net.InterfaceByName(ifname)
	require.NoError(t, err)
	w.kernelMAC = ifi.HardwareAddr
	// A frame that never comes ends the test instead of hanging it.
	watchdog := time.AfterFunc(20*time.Second, func() { d.Close() })
	t.Cleanup(func() {
		watchdog.Stop()
		dropAll(w.queued)
		require.NoError(t, d.Close())
		requireBalance(t, w.pool)
	})
	return w
}

// openTAP returns a wire to the kernel by a TAP interface.
func openTAP(t testing.TB, o TAPOptions) *wire {
	netns(t)
	d, err := OpenTAP("tap0", o)
	if os.Getenv(inNamespace) != "" && err != nil {
		t.Skip(err) // rootless TAP needs /dev/net/tun with mode 0666
	}
	require.NoError(t, err)
	require.NoError(t, ConfigureHost("tap0", kernelNet, 0))
	return newWire(t, d, "tap0")
}

// openVeth returns a wire to the kernel by a veth pair and a packet socket.
func openVeth(t testing.TB, o PacketOptions) *wire {
	netns(t)
	require.NoError(t, AddVeth("s0", "k0"))
	require.NoError(t, ConfigureHost("s0", netip.Prefix{}, 0))
	require.NoError(t, ConfigureHost("k0", kernelNet, 0))
	d, err := OpenPacket("s0", o)
	require.NoError(t, err)
	return newWire(t, d, "k0").awaken()
}

// awaken asks for the kernel's address until it answers. A new link throws
// away what is sent on it until the kernel has noticed, a while after it was
// set up, that it has a carrier.
func (w *wire) awaken() *wire {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			w.sendARP(layers.ARPRequest, broadcast)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	w.next(has(layers.LayerTypeARP)).Consume()
	close(stop)
	<-done
	return w
}

// wires are all the ways to the kernel.
var wires = map[string]func(t testing.TB) *wire{
	"tap":          func(t testing.TB) *wire { return openTAP(t, TAPOptions{}) },
	"tap plain":    func(t testing.TB) *wire { return openTAP(t, TAPOptions{Plain: true}) },
	"tap single":   func(t testing.TB) *wire { return openTAP(t, TAPOptions{Plain: true, NoIOUring: true}) },
	"packet":       func(t testing.TB) *wire { return openVeth(t, PacketOptions{MAC: stackMAC}) },
	"packet plain": func(t testing.TB) *wire { return openVeth(t, PacketOptions{MAC: stackMAC, Plain: true}) },
}

func onEachWire(t *testing.T, fn func(t *testing.T, w *wire)) {
	for name, open := range wires {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) { fn(t, open(t)) })
	}
}

// next returns the next frame that wanted accepts, and answers ARP requests on
// the way.
func (w *wire) next(wanted func(p gopacket.Packet) bool) *skb.Buffer {
	for {
		for len(w.queued) == 0 {
			var batch [rxBatch]*skb.Buffer
			n, err := w.Read(w.pool, batch[:])
			require.NoError(w.t, err, "the frame that was waited for did not come")
			w.queued = append(w.queued, batch[:n]...)
		}
		b := w.queued[0]
		w.queued = w.queued[1:]
		p := gopacket.NewPacket(b.Bytes(), layers.LayerTypeEthernet, gopacket.DecodeOptions{})
		if a, ok := p.Layer(layers.LayerTypeARP).(*layers.ARP); ok && a.Operation == layers.ARPRequest && string(a.DstProtAddress) == string(stackIP.AsSlice()) {
			w.sendARP(layers.ARPReply, a.SourceHwAddress)
		}
		if wanted(p) {
			return b
		}
		b.Consume()
	}
}

func has(kind gopacket.LayerType) func(gopacket.Packet) bool {
	return func(p gopacket.Packet) bool { return p.Layer(kind) != nil }
}

func (w *wire) sendARP(op uint16, to net.HardwareAddr) {
	w.send(w.build(&layers.Ethernet{SrcMAC: stackMAC, DstMAC: to, EthernetType: layers.EthernetTypeARP},
		&layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: op, SourceHwAddress: stackMAC, SourceProtAddress: stackIP.AsSlice(), DstHwAddress: to, DstProtAddress: kernelIP.AsSlice()}))
}

func (w *wire) build(stack ...gopacket.SerializableLayer) *skb.Buffer {
	return frameFrom(w.t, w.pool, stack...)
}

// buildIP is build for a datagram from the stack to the kernel.
func (w *wire) buildIP(proto layers.IPProtocol, stack ...gopacket.SerializableLayer) *skb.Buffer {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: stackIP.AsSlice(), DstIP: kernelIP.AsSlice()}
	for _, l := range stack {
		if c, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			require.NoError(w.t, c.SetNetworkLayerForChecksum(ip))
		}
	}
	eth := &layers.Ethernet{SrcMAC: stackMAC, DstMAC: w.kernelMAC, EthernetType: layers.EthernetTypeIPv4}
	b := w.build(append([]gopacket.SerializableLayer{eth, ip}, stack...)...)
	b.Trim(etherLen + ipHeader(b.Data()[etherLen:]).totalLen())
	return b
}

// send does what a device does for its driver, and writes.
func (w *wire) send(b *skb.Buffer) {
	var q skb.Queue
	if b.GSO != skb.GSONone && !w.Features().Has(TSO4) {
		require.Equal(w.t, skb.NotDropped, Segment(b, &q))
	} else {
		q.PushBack(b)
	}
	for _, s := range drain(&q) {
		if s.Csum == skb.CsumPartial && !w.Features().Has(TxCsum) {
			require.Equal(w.t, skb.NotDropped, FinishChecksum(s))
		}
		writeAll(w.t, w.Driver, s)
	}
}

// open makes a checksum of a built frame partial, as a stack offers it.
func leaveOpen(b *skb.Buffer) *skb.Buffer {
	markHeaders(b, etherLen, etherLen+ipMinLen)
	ip := ipHeader(b.Data()[etherLen:])
	setPartial(b, etherLen+ipMinLen, ip.protocol(), ip.pseudo())
	return b
}

// whole cuts and finishes a received frame as a wire would show it.
func (w *wire) whole(b *skb.Buffer) (frames [][]byte) {
	var q skb.Queue
	if b.GSO != skb.GSONone {
		var r skb.Reason
		q, r = cutReceived(b, etherLen)
		require.Equal(w.t, skb.NotDropped, r)
	} else {
		q.PushBack(b)
	}
	for _, s := range drain(&q) {
		if s.Csum == skb.CsumPartial {
			require.Equal(w.t, skb.NotDropped, FinishChecksum(s))
		}
		frames = append(frames, append([]byte(nil), s.Bytes()...))
		s.Consume()
	}
	return frames
}

// kernelSocket returns a socket of the kernel in this namespace.
func kernelSocket(t testing.TB, kind, port int) int {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Port: port}))
	require.NoError(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5})) // a lost datagram is a failure, not a wait
	return fd
}

func stackAddr(port int) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: port, Addr: stackIP.As4()}
}

func delLink(t testing.TB, name string) {
	index, err := linkIndex(name)
	require.NoError(t, err)
	r := newLinkRequest(0, index)
	binary.NativeEndian.PutUint16(r.b[4:], unix.RTM_DELLINK)
	require.NoError(t, r.do())
}

func setLinkDown(t testing.TB, name string) {
	_, err := linkIoctl(name, unix.SIOCSIFFLAGS, func(r *unix.Ifreq) { r.SetUint16(0) })
	require.NoError(t, err)
}
