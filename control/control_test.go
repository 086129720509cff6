package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/trace"
)

// two stacks on a cable, the first one behind a control socket.
func world(t *testing.T) (c *Client, a, b *ministack.Stack) {
	t.Helper()
	a, b = newStack(t), newStack(t)
	left, right := netdev.Pipe(1500)
	for _, end := range []struct {
		s    *ministack.Stack
		d    netdev.Driver
		addr string
	}{{a, left, "10.9.0.1/24"}, {b, right, "10.9.0.2/24"}} {
		_, err := end.s.Attach(end.d, "eth0")
		require.NoError(t, err)
		require.NoError(t, end.s.AddAddr("eth0", netip.MustParsePrefix(end.addr)))
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	require.NoError(t, err)
	v := Serve(l, a, "alpha")
	t.Cleanup(func() {
		require.NoError(t, v.Close())
		_, err := os.Stat(path)
		require.ErrorIs(t, err, os.ErrNotExist)
	})
	c, err = Dial(path)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c, a, b
}

func newStack(t *testing.T) *ministack.Stack {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestTheControlSocketIsItsOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := Listen(path)
	require.NoError(t, err)
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode().Perm())
	_, err = Listen(path)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.NoError(t, l.Close())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)

	l, err = net.Listen("unix", path)
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	l, err = Listen(path)
	require.NoError(t, err, "a socket that nobody answers at is in nobody's way")
	require.NoError(t, l.Close())
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = Listen(path)
	require.ErrorIs(t, err, syscall.EEXIST)
	_, err = Dial(filepath.Join(dir, "nobody"))
	require.ErrorIs(t, err, ErrNoStack)
}

func TestStacksAreFoundByName(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	require.Empty(t, Names())
	require.NoError(t, MakeDir())
	require.NoError(t, MakeDir())
	for _, name := range []string{"b", "a"} {
		l, err := Listen(Path(name))
		require.NoError(t, err)
		defer Serve(l, newStack(t), name).Close()
	}
	require.NoError(t, os.WriteFile(Path("dead"), nil, 0o600))
	require.Equal(t, []string{"a", "b"}, Names())
	c, err := Dial(Path("a"))
	require.NoError(t, err)
	s, err := c.Status()
	require.NoError(t, err)
	require.Equal(t, Status{"a", os.Getpid()}, s)
	require.NoError(t, os.Chmod(Dir(), 0o755))
	require.ErrorIs(t, MakeDir(), syscall.EPERM)
}

func TestAStackShowsItself(t *testing.T) {
	c, a, _ := world(t)
	links, err := c.Links()
	require.NoError(t, err)
	require.Len(t, links, 2)
	require.Equal(t, "lo", links[0].Name)
	require.Equal(t, []string{"LOOPBACK", "NOARP", "UP"}, links[0].Flags)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.9.0.1/24")}, links[1].Addrs)
	require.Equal(t, a.Devices()[1].MAC.String(), links[1].MAC)
	routes, err := c.Routes()
	require.NoError(t, err)
	require.Equal(t, netip.MustParsePrefix("10.9.0.0/24"), routes[0].Dst)
	require.True(t, routes[0].Kernel)
	counters, err := c.Counters()
	require.NoError(t, err)
	require.Equal(t, Counter{"Ip", "InReceives", counters[0].Value}, counters[0])
}

func TestAddressesRoutesAndNeighboursAreChanged(t *testing.T) {
	c, a, _ := world(t)
	p := netip.MustParsePrefix("192.0.2.1/24")
	require.NoError(t, c.ChangeAddr(AddrChange{"add", "eth0", p}))
	require.ErrorIs(t, c.ChangeAddr(AddrChange{"add", "eth0", p}), syscall.EEXIST)
	require.NoError(t, c.ChangeAddr(AddrChange{"replace", "eth0", p}))
	require.ErrorIs(t, c.ChangeAddr(AddrChange{"add", "eth9", p}), syscall.ENODEV)
	require.ErrorIs(t, c.ChangeAddr(AddrChange{"add", "eth0", netip.Prefix{}}), syscall.EINVAL)
	require.ErrorIs(t, c.ChangeAddr(AddrChange{"twist", "eth0", p}), syscall.EINVAL)

	gw, far := netip.MustParseAddr("192.0.2.9"), netip.MustParsePrefix("203.0.113.0/24")
	require.NoError(t, c.ChangeRoute(RouteChange{"add", Route{Dst: far, Via: &gw}}))
	require.ErrorIs(t, c.ChangeRoute(RouteChange{"add", Route{Dst: far, Via: &gw}}), syscall.EEXIST)
	other := netip.MustParseAddr("10.9.0.9")
	require.NoError(t, c.ChangeRoute(RouteChange{"replace", Route{Dst: far, Via: &other}}))
	routes, err := c.Routes()
	require.NoError(t, err)
	var found []Route
	for _, r := range routes {
		if r.Dst == far {
			found = append(found, r)
		}
	}
	require.Len(t, found, 1)
	require.Equal(t, other, *found[0].Via)
	nowhere := netip.MustParseAddr("198.51.100.1")
	require.ErrorIs(t, c.ChangeRoute(RouteChange{"replace", Route{Dst: far, Via: &nowhere}}), syscall.ENETUNREACH)
	require.Len(t, a.Routes(), len(routes), "a replacement that fails leaves the old route")
	require.NoError(t, c.ChangeRoute(RouteChange{"flush", Route{}}))
	require.ErrorIs(t, c.ChangeRoute(RouteChange{"del", Route{Dst: far}}), syscall.ESRCH)
	require.NoError(t, c.ChangeAddr(AddrChange{"del", "eth0", p}))

	n := NeighbourChange{Op: "add", IP: netip.MustParseAddr("10.9.0.77"), Dev: "eth0", MAC: "02:00:00:00:00:77"}
	require.NoError(t, c.ChangeNeighbour(n))
	require.ErrorIs(t, c.ChangeNeighbour(n), syscall.EEXIST)
	list, err := c.Neighbours()
	require.NoError(t, err)
	require.Equal(t, "PERMANENT", list[len(list)-1].State)
	require.NoError(t, c.ChangeNeighbour(NeighbourChange{Op: "flush"}))
	require.NoError(t, c.ChangeNeighbour(NeighbourChange{Op: "del", IP: n.IP, Dev: "eth0"}), "permanent ones survive a flush")
	require.ErrorIs(t, c.ChangeNeighbour(NeighbourChange{Op: "del", IP: n.IP, Dev: "eth0"}), syscall.ENOENT)
	n.MAC = "nonsense"
	require.ErrorIs(t, c.ChangeNeighbour(n), syscall.EINVAL)
}

func TestSettingsAreReadAndWritten(t *testing.T) {
	c, a, _ := world(t)
	require.NoError(t, c.Set("net.ipv4.ip_default_ttl", "99"))
	v, err := a.Sysctl("net.ipv4.ip_default_ttl")
	require.NoError(t, err)
	require.Equal(t, "99", v)
	one, err := c.Settings("net.ipv4.ip_default_ttl")
	require.NoError(t, err)
	require.Equal(t, []Setting{{"net.ipv4.ip_default_ttl", "99"}}, one)
	all, err := c.Settings("")
	require.NoError(t, err)
	require.Len(t, all, len(a.Sysctls()))
	_, err = c.Settings("net.ipv4.nonsense")
	require.ErrorIs(t, err, syscall.ENOENT)
	require.ErrorIs(t, c.Set("net.ipv4.ip_default_ttl", "0"), syscall.EINVAL)
}

func TestPingRunsInTheStack(t *testing.T) {
	c, _, _ := world(t)
	var got []PingEvent
	require.NoError(t, c.Ping(t.Context(), PingRequest{Dst: netip.MustParseAddr("10.9.0.2"), Count: 3, Interval: time.Millisecond,
		Timeout: 10 * time.Second, Size: 5000}, func(e PingEvent) { got = append(got, e) }))
	replies := 0
	for _, e := range got {
		if e.Kind == "reply" {
			replies++
			require.Equal(t, 5008, e.Bytes)
			require.Equal(t, 64, e.TTL)
			require.Greater(t, e.RTT, time.Duration(0))
		}
	}
	require.Equal(t, 3, replies)
	require.Len(t, got, 6)

	got = nil
	require.NoError(t, c.Ping(t.Context(), PingRequest{Dst: netip.MustParseAddr("203.0.113.1"), Count: 1, Timeout: time.Millisecond},
		func(e PingEvent) { got = append(got, e) }))
	require.Equal(t, "failed", got[0].Kind)
	require.Equal(t, syscall.ENETUNREACH.Error(), got[0].Error)
	require.ErrorIs(t, c.Ping(t.Context(), PingRequest{Dst: netip.MustParseAddr("::1")}, nil), syscall.EINVAL)
	require.ErrorIs(t, c.Ping(t.Context(), PingRequest{Dst: netip.MustParseAddr("10.9.0.2"), Size: 65508}, nil), syscall.EINVAL)
}

// What crosses a control socket is a connection like any other: both
// directions, each with an end of its own.
func TestConnectionsOfTheStackCrossWithTheirHalves(t *testing.T) {
	c, _, b := world(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		all, _ := io.ReadAll(conn)
		_, _ = conn.Write([]byte(strings.ToUpper(string(all))))
		conn.Close()
	}()
	conn, err := c.DialContext(t.Context(), "tcp", "10.9.0.2:80")
	require.NoError(t, err)
	require.Equal(t, "10.9.0.2:80", conn.RemoteAddr().String())
	_, err = conn.Write([]byte(strings.Repeat("a", 200000)))
	require.NoError(t, err)
	require.NoError(t, conn.(*Conn).CloseWrite())
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("A", 200000), string(all))
	require.NoError(t, conn.Close())

	_, err = c.DialContext(t.Context(), "tcp", "10.9.0.2:81")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.DialContext(ctx, "tcp", "10.9.0.200:80")
	require.Error(t, err)
}

func TestAListenerOfTheStackAcceptsOutside(t *testing.T) {
	c, _, b := world(t)
	l, err := c.Listen(t.Context(), "tcp", ":7000")
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:7000", l.Addr().String())
	_, err = c.Listen(t.Context(), "tcp", ":7000")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	for range 2 {
		out, err := b.Dial("tcp", "10.9.0.1:7000")
		require.NoError(t, err)
		in, err := l.Accept()
		require.NoError(t, err)
		require.Equal(t, out.LocalAddr().String(), in.RemoteAddr().String())
		_, err = in.Write([]byte("hello"))
		require.NoError(t, err)
		require.NoError(t, in.Close())
		all, err := io.ReadAll(out)
		require.NoError(t, err)
		require.Equal(t, "hello", string(all))
		out.Close()
	}
	require.NoError(t, l.Close())
	require.Eventually(t, func() bool {
		again, err := c.Listen(t.Context(), "tcp", ":7000")
		if err == nil {
			again.Close()
		}
		return err == nil
	}, 10*time.Second, time.Millisecond, "the port is free when the client has gone")
}

func TestDatagramsStayApart(t *testing.T) {
	c, _, b := world(t)
	p, err := b.ListenPacket("udp", ":53")
	require.NoError(t, err)
	conn, err := c.DialContext(t.Context(), "udp", "10.9.0.2:53")
	require.NoError(t, err)
	buf := make([]byte, 100)
	for _, s := range []string{"one", "", "three"} {
		_, err := conn.Write([]byte(s))
		require.NoError(t, err)
		n, from, err := p.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, s, string(buf[:n]))
		_, err = p.WriteTo(buf[:n], from)
		require.NoError(t, err)
		n, err = conn.Read(buf)
		require.NoError(t, err)
		require.Equal(t, s, string(buf[:n]))
	}
	require.NoError(t, conn.Close())

	l, err := c.Listen(t.Context(), "udp", ":54")
	require.NoError(t, err)
	out, err := b.Dial("udp", "10.9.0.1:54")
	require.NoError(t, err)
	_, err = out.Write([]byte("knock"))
	require.NoError(t, err)
	in, err := l.Accept()
	require.NoError(t, err)
	n, err := in.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "knock", string(buf[:n]))
	_, err = in.Write([]byte("come in"))
	require.NoError(t, err)
	n, err = out.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "come in", string(buf[:n]))
	in.Close()
	l.Close()
}

func TestSocketsAreShownWithWhatTheyDo(t *testing.T) {
	c, _, b := world(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	defer l.Close()
	conn, err := c.DialContext(t.Context(), "tcp", "10.9.0.2:80")
	require.NoError(t, err)
	defer conn.Close()
	u, err := c.DialContext(t.Context(), "udp", "10.9.0.2:53")
	require.NoError(t, err)
	defer u.Close()
	listening, err := c.Listen(t.Context(), "tcp", ":7000")
	require.NoError(t, err)
	defer listening.Close()
	socks, err := c.Sockets()
	require.NoError(t, err)
	require.Len(t, socks, 3)
	require.Equal(t, "LISTEN", socks[0].State)
	require.Equal(t, "ESTAB", socks[1].State)
	require.Equal(t, "cubic", socks[1].TCP.Congestion)
	require.Equal(t, 1448, socks[1].TCP.MSS)
	require.Zero(t, socks[1].TCP.Ssthresh)
	require.NotZero(t, socks[1].Number)
	require.Equal(t, "udp", socks[2].Proto)
}

func TestATraceTellsTheWayOfAPacketAndWhyItDied(t *testing.T) {
	c, _, b := world(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var walk strings.Builder
	printer := &trace.Printer{W: &walk, Source: true}
	begun := false
	require.NoError(t, c.Trace(ctx, TraceRequest{Filter: "tcp port 81", Every: 5}, func(batch TraceBatch) error {
		if !begun {
			begun = true
			require.ErrorIs(t, c.Trace(ctx, TraceRequest{}, nil), syscall.EBUSY)
			_, err := b.Dial("tcp", "10.9.0.1:81")
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		}
		if _, err := printer.Print(batch.Entries); err != nil {
			return err
		}
		if strings.Contains(walk.String(), "cause=pkt") && strings.Contains(walk.String(), "NO_SOCKET") {
			cancel()
		}
		return nil
	}))
	for _, want := range []string{"10.9.0.2:", "> 10.9.0.1:81 [S] seq ", "tcp.lookup   MISS :81", "tcp/input.go:", "drop         NO_SOCKET",
		"RFC 9293 3.10.7.1", "[R.] seq 0 cause=pkt ", "netdev/device.go:"} {
		require.Contains(t, walk.String(), want)
	}
	why, err := c.Why(netip.MustParseAddr("10.9.0.2"))
	require.NoError(t, err)
	require.Len(t, why.Findings, 1)
	require.Equal(t, "nothing listens on :81", why.Findings[0].Text)
	why, err = c.Why(netip.MustParseAddr("10.9.0.3"))
	require.NoError(t, err)
	require.Empty(t, why.Findings)
	require.ErrorIs(t, c.Trace(t.Context(), TraceRequest{Filter: "tcp prot"}, nil), syscall.EINVAL)
	require.Eventually(t, func() bool {
		err := c.Trace(t.Context(), TraceRequest{}, func(TraceBatch) error { return errStop })
		return errors.Is(err, errStop)
	}, 10*time.Second, time.Millisecond, "the next client may trace when this one has gone")
}

var errStop = errors.New("stop")

func TestHTTPRunsOverAStackInAnotherProcess(t *testing.T) {
	c, _, b := world(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "page") })}
	go srv.Serve(l)
	defer srv.Close()
	client := http.Client{Transport: &http.Transport{DialContext: c.DialContext}}
	resp, err := client.Get("http://10.9.0.2/")
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "page", string(body))
	client.CloseIdleConnections()
}

func TestAClientCanAskForTheEnd(t *testing.T) {
	s := newStack(t)
	c, v := Local(s)
	require.NoError(t, c.Shutdown())
	require.NoError(t, c.Shutdown())
	<-v.Ended()
	conn, err := c.Listen(t.Context(), "tcp", ":1")
	require.NoError(t, err)
	require.NoError(t, v.Close())
	_, err = conn.Accept()
	require.Error(t, err)
	_, err = c.Status()
	require.Error(t, err)
}
