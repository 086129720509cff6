package subject

import (
	"net"
	"os/exec"

	"github.com/slankdev/ministack/test/bench/link"
)

// Kernel is the kernel's own stack by package net. It is also every other
// subject's peer.
type Kernel struct{}

// Dial connects.
func (Kernel) Dial(network, addr string) (net.Conn, error) { return net.Dial(network, addr) }

// Listen listens for TCP.
func (Kernel) Listen(addr string) (net.Listener, error) { return net.Listen("tcp4", addr) }

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
