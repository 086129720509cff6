// Package ministack is a TCP/IP stack in user space that splits its work as
// Linux does: drivers feed devices, devices feed the link layer, and from there
// each protocol is a module that entered itself in the table of the one below.
// Programs use it by net.Conn, net.Listener and net.PacketConn, or by the BSD
// socket calls of package socket.
package ministack

import (
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/bridge"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/igmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/ping"
	"github.com/slankdev/ministack/raw"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/trace"
	"github.com/slankdev/ministack/udp"
)

// Config is what a stack is made of. The zero Config works.
type Config struct {
	// Clock gives the time; nil: the machine's. A stack on clock.NewVirtual
	// starts no goroutine. The stack closes a clock that it made itself.
	Clock clock.Clock
	// Rand gives randomness, and must be safe for concurrent use; nil: the
	// system's. Sequence numbers, ports and identifications come from it.
	Rand netdev.Rand
	// Sysctl overrides settings by Linux's names.
	Sysctl map[string]string
	// KeepAlive is of the connections that Dial and Accept return. The zero value,
	// unlike package net's, is none.
	KeepAlive net.KeepAliveConfig
}

// Stack is a whole TCP/IP stack.
type Stack struct {
	env       *inet.Env
	ownClock  bool
	keepAlive net.KeepAliveConfig
	closed    atomic.Bool

	link   *link.Module
	packet *packet.Module
	arp    *arp.Module
	ip     *ipv4.Module
	icmp   *icmp.Module
	igmp   *igmp.Module
	raw    *raw.Module
	udp    *udp.Module
	tcp    *tcp.Module
	socket *socket.Family
}

// New wires a stack, bottom up (inet_init). It has a loopback device and no
// other. Errors: those of the settings in cfg.
func New(cfg Config) (*Stack, error) {
	s := &Stack{env: newEnv(&cfg), ownClock: cfg.Clock == nil, keepAlive: cfg.KeepAlive}
	env := s.env

	s.link = link.New(env)              // EtherType table
	s.packet = packet.New(env, s.link)  //   taps
	s.arp = arp.New(env, s.link)        //   0x0806
	s.ip = ipv4.New(env, s.link, s.arp) //   0x0800
	s.icmp = icmp.New(env, s.ip)        //     protocol 1
	s.raw = raw.New(env, s.ip, s.icmp)  //     before every protocol
	s.igmp = igmp.New(env, s.ip)        //     protocol 2
	s.tcp = tcp.New(env, s.ip)          //     protocol 6
	s.udp = udp.New(env, s.ip, s.tcp.PortRange())
	s.ip.Handle(inet.ProtoTCP, s.tcp)
	s.ip.Handle(inet.ProtoUDP, s.udp) //     protocol 17
	s.socket = socket.New(env, socket.Protocols{IP: s.ip, ICMP: s.icmp, IGMP: s.igmp, Ping: ping.New(env, s.ip, s.icmp), Raw: s.raw, UDP: s.udp, TCP: s.tcp, Packet: s.packet})

	env.Dev.Rx = s.link.Input // frames enter here,
	env.Dev.Tx = s.link.Sent  // and are shown to taps when they leave
	env.Dev.Changed = s.ip.DeviceChanged
	env.Dev.BatchEnd = s.tcp.EndBatch // acknowledgements once a batch
	env.Dev.Resume = s.tcp.Resume
	if err := s.configure(cfg.Sysctl); err != nil {
		_ = s.Close() // the setting's error is the one to report
		return nil, err
	}
	return s, nil
}

// newEnv makes what all modules share.
func newEnv(cfg *Config) *inet.Env {
	env := &inet.Env{Clock: cfg.Clock, Rand: cfg.Rand, Stat: new(stat.Counters), Sysctl: sysctl.New()}
	if env.Clock == nil {
		env.Clock = clock.NewReal()
	}
	if env.Rand == nil {
		env.Rand = systemRand{}
	}
	env.Trace = trace.New(env.Clock)
	env.Pool = skb.NewPool(func(b *skb.Buffer, r skb.Reason, site uintptr) {
		env.Stat.Dropped(r)
		env.Trace.Dropped(b, r, site)
	})
	env.Dev = netdev.NewTable(netdev.Config{Clock: env.Clock, Rand: env.Rand, Pool: env.Pool, Trace: env.Trace, Stat: env.Stat, Sysctl: env.Sysctl})
	return env
}

// configure applies the settings and brings the loopback device up.
func (s *Stack) configure(settings map[string]string) error {
	for name, value := range settings {
		if err := s.env.Sysctl.Set(name, value); err != nil {
			return err
		}
	}
	lo, err := s.env.Dev.Attach(netdev.NewLoopback(65536), "lo")
	if err != nil {
		return err
	}
	return s.ip.AddAddr(lo, netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8))
}

// Attach makes a device of a driver, up and receiving; an empty name is
// chosen. The stack closes the driver. Errors: EEXIST, EINVAL.
func (s *Stack) Attach(d netdev.Driver, name string) (*netdev.Device, error) {
	if s.closed.Load() {
		return nil, errClosed
	}
	return s.env.Dev.Attach(d, name)
}

func (s *Stack) device(name string) (*netdev.Device, error) {
	if d := s.env.Dev.ByName(name); d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("no device called %q: %w", name, syscall.ENODEV)
}

// AddAddr gives a device an address with its network. Errors: ENODEV, EEXIST,
// EINVAL.
func (s *Stack) AddAddr(dev string, p netip.Prefix) error {
	d, err := s.device(dev)
	if err != nil {
		return err
	}
	return explain(s.ip.AddAddr(d, p), "address %v on %s", p, dev)
}

// DelAddr takes an address away. Errors: ENODEV, EADDRNOTAVAIL.
func (s *Stack) DelAddr(dev string, p netip.Prefix) error {
	d, err := s.device(dev)
	if err != nil {
		return err
	}
	return explain(s.ip.DelAddr(d, p), "address %v on %s", p, dev)
}

// AddRoute enters a route: by a gateway, by a device, or both. Errors: ENODEV,
// ENETUNREACH for a gateway that is on no link, EEXIST, EINVAL.
func (s *Stack) AddRoute(dst netip.Prefix, via netip.Addr, dev string) error {
	e, err := s.routeEntry(dst, via, dev)
	if err != nil {
		return err
	}
	return explain(s.ip.AddRoute(e), "route to %v", dst)
}

// DelRoute removes a route. Errors: ENODEV, ESRCH.
func (s *Stack) DelRoute(dst netip.Prefix, via netip.Addr, dev string) error {
	e, err := s.routeEntry(dst, via, dev)
	if err != nil {
		return err
	}
	return explain(s.ip.DelRoute(e), "route to %v", dst)
}

func (s *Stack) routeEntry(dst netip.Prefix, via netip.Addr, dev string) (ipv4.Entry, error) {
	e := ipv4.Entry{Dst: dst, Via: via}
	if dev == "" {
		return e, nil
	}
	d, err := s.device(dev)
	e.Dev = d
	return e, err
}

func explain(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// NewBridge joins devices into one network; ageing is how long it remembers an
// address, and 0 makes it a hub. Errors: ENODEV, EINVAL, EBUSY.
func (s *Stack) NewBridge(ageing time.Duration, devs ...string) (*bridge.Bridge, error) {
	b := bridge.New(s.env, s.link, ageing)
	for _, name := range devs {
		d, err := s.device(name)
		if err == nil {
			err = explain(b.AddPort(d), "%s as a port", name)
		}
		if err != nil {
			_ = b.Close()
			return nil, err
		}
	}
	return b, nil
}

// Socket makes a BSD socket; see package socket for the constants. Errors as
// socket(2).
func (s *Stack) Socket(domain, typ, protocol int) (*socket.Socket, error) {
	if s.closed.Load() {
		return nil, errClosed
	}
	return s.socket.Socket(domain, typ, protocol)
}

// NewPoller returns an epoll-like poller for the stack's sockets.
func (s *Stack) NewPoller() *socket.Poller { return s.socket.NewPoller() }

// SetSysctl changes a setting. Errors: sysctl.ErrUnknown, EINVAL.
func (s *Stack) SetSysctl(name, value string) error { return s.env.Sysctl.Set(name, value) }

// Sysctl returns a setting's value. Error: sysctl.ErrUnknown.
func (s *Stack) Sysctl(name string) (string, error) { return s.env.Sysctl.Get(name) }

// Sysctls returns the names of all settings.
func (s *Stack) Sysctls() []string { return s.env.Sysctl.Names() }

// Close ends the stack: connections are reset, sleeping calls wake with
// net.ErrClosed, drivers are closed, and no goroutine is left. Close the
// connections first to end them in order.
func (s *Stack) Close() error {
	if s.closed.Swap(true) {
		return errClosed
	}
	s.socket.Close()
	s.tcp.Close() // what goes on without a socket
	s.udp.Close()
	s.env.Dev.Flush()
	s.env.Dev.Close()
	s.igmp.Close()
	s.arp.Close()
	s.ip.Close()
	if s.ownClock {
		s.env.Clock.Close()
	}
	return nil
}
