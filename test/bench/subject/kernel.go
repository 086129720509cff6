package subject

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/test/bench/link"
)

// Kernel is the kernel's own stack by package net. It is also every other
// subject's peer. Its congestion control is CUBIC, as that of the others,
// whatever the machine's default is.
type Kernel struct{}

// Dial connects.
func (Kernel) Dial(network, addr string) (net.Conn, error) {
	d := net.Dialer{Control: control}
	return d.Dial(network, addr)
}

// Listen listens for TCP.
func (Kernel) Listen(addr string) (net.Listener, error) {
	c := net.ListenConfig{Control: control}
	return c.Listen(context.Background(), "tcp4", addr)
}

// control sets the congestion control of a TCP socket; those that a listener
// accepts have it too.
func control(network, _ string, c syscall.RawConn) (err error) {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	inner := c.Control(func(fd uintptr) {
		err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "cubic")
	})
	return errors.Join(inner, err)
}

// ListenPacket opens a UDP port.
func (Kernel) ListenPacket(addr string) (net.PacketConn, error) {
	return net.ListenPacket("udp4", addr)
}

// Close does nothing.
func (Kernel) Close() error { return nil }

// pairKernel has both addresses on the loopback interface, the kernel's own
// pipe.
func pairKernel() (host, guest Net, err error) {
	for _, a := range []string{link.Host, link.Guest} {
		if err := exec.Command("ip", "addr", "add", a+"/32", "dev", "lo").Run(); err != nil {
			return nil, nil, err
		}
	}
	return Kernel{}, Kernel{}, nil
}
