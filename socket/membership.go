package socket

import (
	"net/netip"
	"sync"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
)

// memberships are the multicast groups that a socket has joined; they end with
// it (ip_mc_drop_socket).
type memberships struct {
	mu   sync.Mutex
	list []membership
}

type membership struct {
	dev   *netdev.Device
	group netip.Addr
}

// Membership joins or leaves a multicast group on a device, given by its index;
// 0 takes the device of the route to the group (IP_ADD_MEMBERSHIP,
// IP_DROP_MEMBERSHIP). Errors: EINVAL, ENODEV, EADDRINUSE for a second join,
// EADDRNOTAVAIL for leaving what was not joined, ENOPROTOOPT.
func (s *Socket) Membership(name int, group netip.Addr, device int) error {
	if err := s.open(); err != nil {
		return err
	}
	if !group.Is4() || !group.IsMulticast() {
		return syscall.EINVAL
	}
	d, err := s.groupDevice(group, device)
	switch {
	case err != nil:
		return err
	case name == IP_ADD_MEMBERSHIP:
		return s.join(membership{d, group})
	case name == IP_DROP_MEMBERSHIP:
		return s.part(membership{d, group})
	}
	return syscall.ENOPROTOOPT
}

func (s *Socket) groupDevice(group netip.Addr, index int) (*netdev.Device, error) {
	if index == 0 {
		r, err := s.family.proto.IP.Route(&inet.Flow{Dst: group})
		if err != nil {
			return nil, syscall.ENODEV
		}
		return r.Dev, nil
	}
	if d := s.family.env.Dev.ByIndex(index); d != nil {
		return d, nil
	}
	return nil, syscall.ENODEV
}

func (g *memberships) find(m membership) int {
	for i, o := range g.list {
		if o == m {
			return i
		}
	}
	return -1
}

func (s *Socket) join(m membership) error {
	g := &s.groups
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.find(m) >= 0 {
		return syscall.EADDRINUSE
	}
	g.list = append(g.list, m)
	s.family.proto.IP.Join(m.dev, m.group)
	return nil
}

func (s *Socket) part(m membership) error {
	g := &s.groups
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.find(m)
	if i < 0 {
		return syscall.EADDRNOTAVAIL
	}
	g.list = append(g.list[:i], g.list[i+1:]...)
	s.family.proto.IP.Leave(m.dev, m.group)
	return nil
}

// leaveGroups ends all memberships.
func (s *Socket) leaveGroups() {
	g := &s.groups
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range g.list {
		s.family.proto.IP.Leave(m.dev, m.group)
	}
	g.list = nil
}
