package ministack

import (
	"net/netip"

	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/raw"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/trace"
	"github.com/slankdev/ministack/udp"
)

// What a stack shows of itself: to tools, tests and whoever wants to know.

// Devices returns the devices in the order of their indices.
func (s *Stack) Devices() []*netdev.Device { return s.env.Dev.All() }

// Neighbours returns the neighbour table.
func (s *Stack) Neighbours() []arp.Entry { return s.arp.Entries() }

// Routes returns the route table, longest prefix first.
func (s *Stack) Routes() []ipv4.Entry { return s.ip.Routes() }

// TCPSockets calls fn for each listener, connection, half-open and waiting
// entry.
func (s *Stack) TCPSockets(fn func(tcp.Entry)) { s.tcp.Each(fn) }

// ForgetTCPMetrics forgets what is remembered of a peer, Fast Open cookies
// among it, or of all for the zero address (ip tcp_metrics flush).
func (s *Stack) ForgetTCPMetrics(peer netip.Addr) { s.tcp.ForgetMetrics(peer) }

// UDPSockets returns the UDP sockets that have a port.
func (s *Stack) UDPSockets() []*udp.Sock { return s.udp.Socks() }

// PacketSockets returns the packet sockets.
func (s *Stack) PacketSockets() []*packet.Sock { return s.packet.Socks() }

// RawSockets returns the raw sockets, by protocol.
func (s *Stack) RawSockets() []*raw.Sock { return s.raw.Socks() }

// Counters returns the counters.
func (s *Stack) Counters() *stat.Counters { return s.env.Stat }

// Tracer returns the tracer.
func (s *Stack) Tracer() *trace.Tracer { return s.env.Trace }

// Pool returns where the stack's buffers come from, with their balance.
func (s *Stack) Pool() *skb.Pool { return s.env.Pool }

// Clock returns the stack's clock.
func (s *Stack) Clock() clock.Clock { return s.env.Clock }

// ARP returns the neighbour table's module, to add and delete entries.
func (s *Stack) ARP() *arp.Module { return s.arp }

// Link returns the link layer, to add taps.
func (s *Stack) Link() *link.Module { return s.link }

// IP returns the network layer, for routes with a metric or a source of their
// own.
func (s *Stack) IP() *ipv4.Module { return s.ip }

// ICMP returns the ICMP module, to send echo requests and see the errors about
// them.
func (s *Stack) ICMP() *icmp.Module { return s.icmp }

// Flush hands what was queued for transmission to the drivers. Sockets do it
// themselves; who sends by a module's methods calls it after.
func (s *Stack) Flush() { s.env.Dev.Flush() }

// Rand returns the stack's randomness.
func (s *Stack) Rand() netdev.Rand { return s.env.Rand }
