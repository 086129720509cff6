package ministack_test

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/stretchr/testify/require"
)

// waiterStack is a stack whose link leads to a program that takes what it
// sends and never answers, but for what the test puts on the link.
func waiterStack(t *testing.T) (*ministack.Stack, *netdev.Endpoint) {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	e := netdev.NewEndpoint(netdev.EndpointOptions{NoLink: true})
	_, err = s.Attach(e, "tun0")
	require.NoError(t, err)
	require.NoError(t, s.AddAddr("tun0", netip.MustParsePrefix("10.0.0.1/24")))
	return s, e
}

// loopedBack returns both ends of a connection of the stack with itself.
func loopedBack(t *testing.T, s *ministack.Stack) (c, d net.Conn) {
	return joined(t, s, s, "127.0.0.1:0")
}

func listener(t *testing.T, s *ministack.Stack) net.Listener {
	l, err := s.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

func newSocket(t *testing.T, s *ministack.Stack, typ, protocol int) *socket.Socket {
	k, err := s.Socket(socket.AF_INET, typ, protocol)
	require.NoError(t, err)
	return k
}

// waiters are the calls that sleep, each made ready by a function that returns
// what is to sleep.
var waiters = map[string]func(t *testing.T, s *ministack.Stack) func() error{
	"read": func(t *testing.T, s *ministack.Stack) func() error {
		c, _ := loopedBack(t, s)
		return func() error { _, err := c.Read(make([]byte, 1)); return err }
	},
	"read with a deadline": func(t *testing.T, s *ministack.Stack) func() error {
		c, _ := loopedBack(t, s)
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Hour)))
		return func() error { _, err := c.Read(make([]byte, 1)); return err }
	},
	"write": func(t *testing.T, s *ministack.Stack) func() error {
		c, _ := loopedBack(t, s)
		return func() error {
			for {
				if _, err := c.Write(make([]byte, 1<<20)); err != nil {
					return err
				}
			}
		}
	},
	"accept": func(t *testing.T, s *ministack.Stack) func() error {
		l := listener(t, s)
		return func() error { _, err := l.Accept(); return err }
	},
	"connect": func(_ *testing.T, s *ministack.Stack) func() error {
		return func() error { _, err := s.Dial("tcp", "10.0.0.9:80"); return err }
	},
	"connect with a context": func(t *testing.T, s *ministack.Stack) func() error {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		return func() error { _, err := s.DialContext(ctx, "tcp", "10.0.0.9:80"); return err }
	},
	"udp": func(t *testing.T, s *ministack.Stack) func() error {
		p, err := s.ListenPacket("udp", ":0")
		require.NoError(t, err)
		return func() error { _, _, err := p.ReadFrom(make([]byte, 1)); return err }
	},
	"ping": func(t *testing.T, s *ministack.Stack) func() error {
		k := newSocket(t, s, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
		return func() error { _, err := k.Recv(make([]byte, 1), 0); return err }
	},
	"raw": func(t *testing.T, s *ministack.Stack) func() error {
		k := newSocket(t, s, socket.SOCK_RAW, 200)
		return func() error { _, err := k.Recv(make([]byte, 1), 0); return err }
	},
	"poll": func(t *testing.T, s *ministack.Stack) func() error {
		k := newSocket(t, s, socket.SOCK_DGRAM, 0)
		return func() error {
			fds := []socket.PollFd{{Socket: k, Events: socket.POLLIN}}
			socket.Poll(fds, -1)
			if fds[0].Revents&socket.POLLNVAL == 0 {
				return nil
			}
			return net.ErrClosed
		}
	},
	"epoll": func(t *testing.T, s *ministack.Stack) func() error {
		p := s.NewPoller()
		require.NoError(t, p.Add(newSocket(t, s, socket.SOCK_DGRAM, 0), socket.POLLIN, nil))
		return func() error { p.Wait(make([]socket.Event, 1), time.Hour); return net.ErrClosed }
	},
	"epoll of nothing": func(_ *testing.T, s *ministack.Stack) func() error {
		p := s.NewPoller()
		return func() error { p.Wait(make([]socket.Event, 1), -1); return net.ErrClosed }
	},
	"SO_RCVTIMEO": func(t *testing.T, s *ministack.Stack) func() error {
		k := newSocket(t, s, socket.SOCK_DGRAM, 0)
		require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 3_600_000_000))
		return func() error { _, err := k.Recv(make([]byte, 1), 0); return err }
	},
	"SO_LINGER": func(t *testing.T, s *ministack.Stack) func() error {
		c, _ := loopedBack(t, s)
		k := c.(*ministack.Conn)
		require.NoError(t, k.SetLinger(3600))
		tooMuch := make([]byte, 64<<20) // made before the time runs
		require.NoError(t, k.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
		n, err := k.Write(tooMuch)
		require.Error(t, err)
		require.NotZero(t, n)
		return func() error { _ = k.Close(); return net.ErrClosed }
	},
}

func TestCloseWakesEveryKindOfWaiter(t *testing.T) {
	for name, prepare := range waiters {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			s, _ := waiterStack(t)
			call := prepare(t, s)
			idle := runtime.NumGoroutine()
			done := make(chan error, 1)
			go func() { done <- call() }()
			for runtime.NumGoroutine() <= idle {
				runtime.Gosched()
			}
			time.Sleep(20 * time.Millisecond) // it sleeps by now, or is about to: both must wake
			require.Empty(t, done, "the call was to wait")
			closeAndCount(t, s)
			require.ErrorIs(t, wokenUp(<-done), net.ErrClosed)
			noGoroutineMore(t, before)
		})
	}
}

// wokenUp makes of a BSD call's errno what package net calls it.
func wokenUp(err error) error {
	if err == syscall.EBADF {
		return net.ErrClosed
	}
	return err
}

// noGoroutineMore waits for goroutines that have been told to end.
func noGoroutineMore(t *testing.T, than int) {
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > than; runtime.Gosched() {
		if time.Now().After(end) {
			b := make([]byte, 1<<16)
			t.Fatalf("goroutines are left:\n%s", b[:runtime.Stack(b, true)])
		}
	}
}

func TestCloseWakesWhoWaitsForAPeersHandshake(t *testing.T) {
	before := runtime.NumGoroutine()
	s, e := waiterStack(t)
	everything(t, s, "tun0")
	accepted := make(chan error, 1)
	s.HandleTCP(func(r *ministack.TCPRequest) { _, err := r.Accept(); accepted <- err })
	syn := []byte{0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 9, 203, 0, 113, 1,
		0x13, 0x88, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0}
	sealIPv4(syn)
	require.NoError(t, e.Send(context.Background(), syn))
	b := make([]byte, 1500)
	n, err := e.Receive(context.Background(), b)
	require.NoError(t, err)
	require.Equal(t, byte(0x12), b[:n][33], "SYN and ACK")
	closeAndCount(t, s)
	require.ErrorIs(t, <-accepted, net.ErrClosed)
	noGoroutineMore(t, before)
}

// sealIPv4 fills in the checksums of a packet with a TCP header.
func sealIPv4(p []byte) {
	put := func(at int, sum uint32) {
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		p[at], p[at+1] = byte(^sum>>8), byte(^sum)
	}
	add := func(b []byte) (sum uint32) {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(b[i])<<8 | uint32(b[i+1])
		}
		return sum
	}
	put(10, add(p[:20]))
	put(36, add(p[12:20])+6+uint32(len(p)-20)+add(p[20:]))
}
