// Package igmp is the host's side of the Internet Group Management Protocol
// (RFC 3376, with the compatibility modes for queriers of RFC 2236 and RFC
// 1112) as Linux speaks it (igmp.c): it merges the memberships of all sockets
// to what each device receives, and tells multicast routers.
package igmp

import (
	"net/netip"
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/sysctl"
)

// Module is a stack's IGMP.
type Module struct {
	env *inet.Env
	ip  *ipv4.Module
	set settings

	mu     sync.Mutex // guards all that follows; nothing is sent while it is held
	ifaces map[*netdev.Device]*iface
	closed bool
}

var _ inet.Protocol = (*Module)(nil)

// settings are the sysctls of IGMP (ip-sysctl.rst).
type settings struct {
	maxMemberships, maxSources *sysctl.Int
	robustness, linkLocal      *sysctl.Int
	force                      *sysctl.Int
	unsolicitedV2              *sysctl.Int // milliseconds
	unsolicitedV3              *sysctl.Int
}

const maxInt = 1<<31 - 1

func (s *settings) declare(r *sysctl.Registry) {
	s.maxMemberships = r.Int("net.ipv4.igmp_max_memberships", 20, 0, maxInt)
	s.maxSources = r.Int("net.ipv4.igmp_max_msf", 10, 0, maxInt)
	s.robustness = r.Int("net.ipv4.igmp_qrv", 2, 1, maxInt)
	s.linkLocal = r.Bool("net.ipv4.igmp_link_local_mcast_reports", true)
	s.force = r.Int("net.ipv4.conf.all.force_igmp_version", 0, 0, 3)
	s.unsolicitedV2 = r.Int("net.ipv4.conf.all.igmpv2_unsolicited_report_interval", 10000, 1, maxInt)
	s.unsolicitedV3 = r.Int("net.ipv4.conf.all.igmpv3_unsolicited_report_interval", 1000, 1, maxInt)
}

// New returns the module, entered as protocol 2.
func New(env *inet.Env, ip *ipv4.Module) *Module {
	m := &Module{env: env, ip: ip, ifaces: map[*netdev.Device]*iface{}}
	m.set.declare(env.Sysctl)
	ip.Handle(inet.ProtoIGMP, m)
	return m
}

// Close stops the timers.
func (m *Module) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	for _, i := range m.ifaces {
		i.stop()
	}
}

// MaxMemberships is how many groups a socket may join, MaxSources how many
// sources a filter may list.
func (m *Module) MaxMemberships() int { return m.set.maxMemberships.Get() }

// MaxSources is net.ipv4.igmp_max_msf; see MaxMemberships.
func (m *Module) MaxSources() int { return m.set.maxSources.Get() }

// Defaults of RFC 3376 8.
const (
	defaultQueryInterval    = 125 * time.Second
	defaultResponseInterval = 10 * time.Second
)

// iface is what IGMP knows of a device (struct in_device).
type iface struct {
	m   *Module
	dev *netdev.Device

	groups map[netip.Addr]*group
	order  []*group // the newest first, as Linux lists them

	v1Until, v2Until clock.Time    // while queriers of that version are about
	robustness       int           // the querier's, 0: net.ipv4.igmp_qrv
	queryInterval    time.Duration // the querier's
	responseInterval time.Duration

	general   clock.Timer // the answer to a general query
	generalAt clock.Time  // 0: none is due
	change    clock.Timer // state-change reports
	changeAt  clock.Time
}

func (m *Module) iface(d *netdev.Device) *iface {
	i := m.ifaces[d]
	if i == nil {
		i = &iface{m: m, dev: d, groups: map[netip.Addr]*group{}, queryInterval: defaultQueryInterval,
			responseInterval: defaultResponseInterval}
		i.general.Init(m.env.Clock, func(any) { m.run(i.answerGeneral) }, nil)
		i.change.Init(m.env.Clock, func(any) { m.run(i.announce) }, nil)
		m.ifaces[d] = i
	}
	return i
}

func (i *iface) stop() {
	i.cancel()
	for _, g := range i.order {
		g.stopTimer()
	}
}

// cancel gives up what is due for the whole device.
func (i *iface) cancel() {
	i.general.Stop()
	i.change.Stop()
	i.generalAt, i.changeAt = 0, 0
}

// version is the mode that the device is in (RFC 3376 7.2.1): that of the
// oldest querier that was heard lately.
func (i *iface) version() int {
	now := i.m.env.Clock.Now()
	switch force := i.m.set.force.Get(); {
	case force != 0:
		return force
	case now < i.v1Until:
		return 1
	case now < i.v2Until:
		return 2
	}
	return 3
}

// retransmissions is how often a change is told: the robustness variable.
func (i *iface) retransmissions() int {
	if i.robustness != 0 {
		return i.robustness
	}
	return i.m.set.robustness.Get()
}

// unsolicited is the longest gap between two reports that nobody asked for.
func (i *iface) unsolicited() time.Duration {
	if i.version() < 3 {
		return time.Duration(i.m.set.unsolicitedV2.Get()) * time.Millisecond
	}
	return time.Duration(i.m.set.unsolicitedV3.Get()) * time.Millisecond
}

// random is a delay up to most.
func (m *Module) random(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(m.env.Rand.Uint64() % uint64(most))
}
