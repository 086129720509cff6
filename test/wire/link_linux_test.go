package wire

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/test/netns"
	"github.com/stretchr/testify/require"
)

// Addresses of the two sides.
const (
	hostIP  = "10.9.0.1"
	stackIP = "10.9.0.2"
)

// A wire is a stack and the kernel on one link.
type wire struct {
	t     *testing.T
	stack *ministack.Stack
	dev   string // the host's side
}

// A kind is a sort of link.
type kind struct {
	name string
	open func(t *testing.T) (netdev.Driver, string)
}

// kinds are the links that every machine with a kernel can make; TAPs need
// /dev/net/tun as well.
func kinds(t *testing.T) []kind {
	all := []kind{{"veth", openVeth}}
	if f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err == nil {
		_ = f.Close()
		return append(all, kind{"tap", openTap(false)}, kind{"tap-plain", openTap(true)}, kind{"tun", openTun(false)}, kind{"tun-plain", openTun(true)})
	}
	skipped(t, "no TAP: /dev/net/tun cannot be opened; veth only")
	return all
}

// skipped says what a machine cannot do.
func skipped(t *testing.T, why string) {
	t.Log("SKIP:", why)
	if netns.Required() && os.Geteuid() == 0 && os.Getenv("MINISTACK_WIRE_ROOTLESS") == "" {
		if _, err := os.Stat("/dev/net/tun"); err == nil {
			t.Fatal("this machine can run it")
		}
	}
}

func ip(t *testing.T, args string) {
	t.Helper()
	netns.IP(t, args)
}

func openVeth(t *testing.T) (netdev.Driver, string) {
	ip(t, "link add h0 type veth peer name s0")
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", "h0").Run() })
	for _, dev := range []string{"h0", "s0"} {
		ip(t, "link set "+dev+" addrgenmode none")
		ip(t, "link set "+dev+" up")
	}
	d, err := netdev.OpenPacket("s0", netdev.PacketOptions{})
	require.NoError(t, err)
	return d, "h0"
}

func openTap(plain bool) func(t *testing.T) (netdev.Driver, string) {
	return func(t *testing.T) (netdev.Driver, string) {
		d, err := netdev.OpenTAP("tap9", netdev.TAPOptions{Plain: plain})
		require.NoError(t, err)
		return d, "tap9"
	}
}

func openTun(plain bool) func(t *testing.T) (netdev.Driver, string) {
	return func(t *testing.T) (netdev.Driver, string) {
		d, err := netdev.OpenTUN("tun9", netdev.TAPOptions{Plain: plain})
		require.NoError(t, err)
		return d, "tun9"
	}
}

// ethernets are the links that have link addresses and broadcasts.
func ethernets(t *testing.T) []kind {
	return slices.DeleteFunc(kinds(t), func(k kind) bool { return strings.HasPrefix(k.name, "tun") })
}

// onEveryLink runs a test on each kind of link, with an optional wrapper
// around the driver.
func onEveryLink(t *testing.T, test func(w *wire), wrap ...func(netdev.Driver, *ministack.Stack) netdev.Driver) {
	for _, k := range kinds(t) {
		t.Run(k.name, func(t *testing.T) { test(newWire(t, k, wrap...)) })
	}
}

func newWire(t *testing.T, k kind, wrap ...func(netdev.Driver, *ministack.Stack) netdev.Driver) *wire {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	d, host := k.open(t)
	for _, f := range wrap {
		d = f(d, s)
	}
	_, err = s.Attach(d, "eth0")
	require.NoError(t, err)
	require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(stackIP+"/24")))
	ip(t, "addr replace "+hostIP+"/24 dev "+host)
	ip(t, "link set "+host+" up")
	ip(t, "link set lo up")
	w := &wire{t: t, stack: s, dev: host}
	t.Cleanup(w.close)
	return w
}

// close is the conservation law at the end of every test.
func (w *wire) close() {
	require.NoError(w.t, w.stack.Close())
	n := w.stack.Pool().Count()
	require.Zero(w.t, n.Live, "buffers that met no fate: %+v", n)
	require.Zero(w.t, n.Twice, "buffers that died twice")
}

// run runs a program of the host, bounded in time, and returns what it printed.
func (w *wire) run(limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%s took longer than %v", name, limit)
	}
	return out.String(), err
}

// must is run for a program that must succeed.
func (w *wire) must(limit time.Duration, name string, args ...string) string {
	w.t.Helper()
	out, err := w.run(limit, name, args...)
	require.NoError(w.t, err, "%s %s:\n%s", name, strings.Join(args, " "), out)
	return out
}

// need skips the test where a program is missing.
func need(t *testing.T, programs ...string) {
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if netns.Required() {
				t.Fatalf("%s is not installed", p)
			}
			t.Skipf("%s is not installed", p)
		}
	}
}

// listen opens a listener on the stack.
func (w *wire) listen(port int) net.Listener {
	l, err := w.stack.Listen("tcp", fmt.Sprintf("%s:%d", stackIP, port))
	require.NoError(w.t, err)
	return l
}
