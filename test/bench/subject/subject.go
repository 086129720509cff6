// Package subject has the stacks that are measured, each behind the interfaces
// of package net.
package subject

import (
	"fmt"
	"net"

	"github.com/slankdev/ministack/test/bench/link"
)

// Net is a stack as programs see it. Addresses are "host:port", or ":port" to
// listen on all addresses.
type Net interface {
	Dial(network, addr string) (net.Conn, error)
	Listen(addr string) (net.Listener, error)
	ListenPacket(addr string) (net.PacketConn, error)
	Close() error
}

// Options say how a subject is opened.
type Options struct {
	Link   link.Spec
	Dev    string // the interface to open
	GVisor GVisorOptions
}

// Names are the subjects, in the report's order.
var Names = []string{"ministack", "gvisor", "kernel", "ceiling"}

// Open starts a stack at link.Guest.
func Open(name string, o Options) (Net, error) {
	switch name {
	case "ministack":
		return openMinistack(o)
	case "gvisor":
		return openGVisor(o)
	case "kernel":
		return Kernel{}, nil
	}
	return nil, fmt.Errorf("no subject called %q", name)
}

// OpenPair starts two stacks of a kind, joined by a pipe: the first at
// link.Host, the second at link.Guest.
func OpenPair(name string, o Options) (host, guest Net, err error) {
	switch name {
	case "ministack":
		return pairMinistack(o)
	case "gvisor":
		return pairGVisor(o)
	case "kernel":
		return pairKernel()
	}
	return nil, nil, fmt.Errorf("no subject called %q", name)
}
