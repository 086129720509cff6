// Package ipv4 is the Internet Protocol (RFC 791, RFC 1122 3, RFC 1812 for
// forwarding) as Linux does it: input checks, routes, delivery to raw sockets
// and protocols, reassembly, fragmentation, path MTU.
package ipv4

import (
	"net/netip"
	"sync/atomic"

	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/sysctl"
)

// Module is a stack's IPv4.
type Module struct {
	env  *inet.Env
	link *link.Module
	arp  *arp.Module
	set  settings

	protocols [256]atomic.Pointer[inet.Protocol]
	raw       Raw
	routes    routes
	groups    groups
	frags     reassembler
	pmtu      pmtuCache
	ids       idents

	// sendError is icmp's, set by OnError.
	sendError func(b *skb.Buffer, e *inet.Error)
}

var _ inet.Network = (*Module)(nil)

// settings are the sysctls of IPv4 (ip-sysctl.rst).
type settings struct {
	forward, defaultTTL         *sysctl.Int
	fragHigh, fragTime, fragGap *sysctl.Int
	minPMTU, pmtuExpires        *sysctl.Int
}

const maxInt = 1<<31 - 1

func (s *settings) declare(r *sysctl.Registry) {
	s.forward = r.Bool("net.ipv4.ip_forward", false)
	s.defaultTTL = r.Int("net.ipv4.ip_default_ttl", 64, 1, 255)
	s.fragHigh = r.Int("net.ipv4.ipfrag_high_thresh", 4<<20, 0, maxInt)
	s.fragTime = r.Int("net.ipv4.ipfrag_time", 30, 0, maxInt)
	s.fragGap = r.Int("net.ipv4.ipfrag_max_dist", 64, 0, maxInt)
	s.minPMTU = r.Int("net.ipv4.route.min_pmtu", 552, 68, 65535)
	s.pmtuExpires = r.Int("net.ipv4.route.mtu_expires", 600, 1, maxInt)
}

// New returns the module, entered for IPv4's EtherType and for the neighbours
// that do not answer.
func New(env *inet.Env, l *link.Module, n *arp.Module) *Module {
	m := &Module{env: env, link: l, arp: n, raw: noRaw{}, sendError: func(*skb.Buffer, *inet.Error) {}}
	m.set.declare(env.Sysctl)
	m.routes.init()
	m.groups.init()
	m.frags.init(m)
	m.pmtu.init()
	m.ids.init(env.Rand)
	l.Handle(link.TypeIPv4, m.Input)
	n.OnUnreachable = m.unreachable
	return m
}

// Handle enters a protocol (inet_add_protocol).
func (m *Module) Handle(proto uint8, p inet.Protocol) { m.protocols[proto].Store(&p) }

// OnError sets who sends ICMP errors.
func (m *Module) OnError(f func(b *skb.Buffer, e *inet.Error)) { m.sendError = f }

// SendError answers the received packet b with an ICMP error; see
// inet.Network.
func (m *Module) SendError(b *skb.Buffer, e *inet.Error) { m.sendError(b, e) }

// HeaderLen is 20.
func (m *Module) HeaderLen() int { return HeaderLen }

// Confirm tells the neighbour table that the route's next hop answers.
func (m *Module) Confirm(r *inet.Route) {
	if r != nil && r.Type == inet.Unicast {
		m.arp.Confirm(r.Dev, r.NextHop)
	}
}

// Close gives up unfinished datagrams.
func (m *Module) Close() { m.frags.close() }

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// DefaultTTL is net.ipv4.ip_default_ttl.
func (m *Module) DefaultTTL() int { return m.set.defaultTTL.Get() }
