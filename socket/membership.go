package socket

import (
	"net/netip"
	"slices"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/netdev"
)

// Membership joins or leaves a multicast group on a device, given by its index;
// 0 takes the device of the route to the group (IP_ADD_MEMBERSHIP,
// IP_DROP_MEMBERSHIP, MCAST_JOIN_GROUP, MCAST_LEAVE_GROUP). Errors: EINVAL,
// ENODEV, EADDRINUSE for a second join, ENOBUFS past
// net.ipv4.igmp_max_memberships, EADDRNOTAVAIL for leaving what was not joined,
// EPROTO for streams, ENOPROTOOPT.
func (s *Socket) Membership(name int, group netip.Addr, device int) error {
	d, err := s.groupOn(group, device)
	switch {
	case err != nil:
		return err
	case name == IP_ADD_MEMBERSHIP, name == MCAST_JOIN_GROUP:
		return s.changeGroups(d, group, func(list []inet.Membership, i int) ([]inet.Membership, error) {
			return s.join(list, i, d, group, inet.Filter{Exclude: true})
		})
	case name == IP_DROP_MEMBERSHIP, name == MCAST_LEAVE_GROUP:
		return s.changeGroups(d, group, leave)
	}
	return syscall.ENOPROTOOPT
}

// SourceMembership changes which sources of a group are received:
// IP_ADD_SOURCE_MEMBERSHIP and IP_DROP_SOURCE_MEMBERSHIP (MCAST_JOIN_SOURCE_GROUP,
// MCAST_LEAVE_SOURCE_GROUP) those of a list, IP_BLOCK_SOURCE and
// IP_UNBLOCK_SOURCE (MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE) all but those of
// a list. Errors: those of Membership; EINVAL for a group that was not joined,
// or whose list is of the other kind; EADDRNOTAVAIL for a source that is on the
// list already, or is not; ENOBUFS past net.ipv4.igmp_max_msf.
func (s *Socket) SourceMembership(name int, group, source netip.Addr, device int) error {
	var how sourceChange
	switch name {
	case IP_ADD_SOURCE_MEMBERSHIP, MCAST_JOIN_SOURCE_GROUP:
		how = sourceChange{add: true, joins: true}
	case IP_DROP_SOURCE_MEMBERSHIP, MCAST_LEAVE_SOURCE_GROUP:
		how = sourceChange{}
	case IP_BLOCK_SOURCE, MCAST_BLOCK_SOURCE:
		how = sourceChange{add: true, exclude: true}
	case IP_UNBLOCK_SOURCE, MCAST_UNBLOCK_SOURCE:
		how = sourceChange{exclude: true}
	default:
		return syscall.ENOPROTOOPT
	}
	d, err := s.groupOn(group, device)
	if err != nil {
		return err
	}
	return s.changeGroups(d, group, func(list []inet.Membership, i int) ([]inet.Membership, error) {
		if how.joins && i < 0 {
			list, err = s.join(list, i, d, group, inet.Filter{})
			if err != nil {
				return nil, err
			}
			i = len(list) - 1
		}
		return s.changeSource(list, i, source, how)
	})
}

// sourceChange is what is asked of a list of sources.
type sourceChange struct{ add, exclude, joins bool }

// changeSource is ip_mc_source.
func (s *Socket) changeSource(list []inet.Membership, i int, src netip.Addr, how sourceChange) ([]inet.Membership, error) {
	if i < 0 {
		return nil, syscall.EINVAL
	}
	f := &list[i].Filter
	if f.Exclude != how.exclude {
		if len(f.Sources) > 0 {
			return nil, syscall.EINVAL
		}
		f.Exclude = how.exclude // a filter without sources changes its kind
	}
	switch {
	case f.Has(src) == how.add:
		return nil, syscall.EADDRNOTAVAIL
	case how.add && len(f.Sources) >= s.family.proto.IGMP.MaxSources():
		return nil, syscall.ENOBUFS
	case how.add:
		*f = f.With(src)
	default:
		*f = f.Without(src)
	}
	if f.Empty() { // INCLUDE of nothing is no membership
		return slices.Delete(list, i, i+1), nil
	}
	return list, nil
}

// SetSourceFilter replaces the sources of a group that was joined (IP_MSFILTER,
// MCAST_MSFILTER); that of no source is the end of the membership. Errors:
// EINVAL for a group that was not joined, ENODEV, ENOBUFS past
// net.ipv4.igmp_max_msf.
func (s *Socket) SetSourceFilter(group netip.Addr, device int, f inet.Filter) error {
	d, err := s.groupOn(group, device)
	switch {
	case err != nil:
		return err
	case len(f.Sources) > s.family.proto.IGMP.MaxSources():
		return syscall.ENOBUFS
	case f.Empty():
		return s.changeGroups(d, group, leave)
	}
	return s.changeGroups(d, group, func(list []inet.Membership, i int) ([]inet.Membership, error) {
		if i < 0 {
			return nil, syscall.EINVAL
		}
		list[i].Filter = inet.NewFilter(f.Exclude, f.Sources)
		return list, nil
	})
}

// SourceFilter returns the sources of a group (IP_MSFILTER, MCAST_MSFILTER).
// Errors: EINVAL, ENODEV, EADDRNOTAVAIL for a group that was not joined.
func (s *Socket) SourceFilter(group netip.Addr, device int) (inet.Filter, error) {
	d, err := s.groupOn(group, device)
	if err != nil {
		return inet.Filter{}, err
	}
	list := s.ops.Common().Groups().List()
	if i := find(list, d, group); i >= 0 {
		return list[i].Filter, nil
	}
	return inet.Filter{}, syscall.EADDRNOTAVAIL
}

// groupOn checks a group and finds its device (ip_mc_find_dev).
func (s *Socket) groupOn(group netip.Addr, index int) (*netdev.Device, error) {
	switch err := s.open(); {
	case err != nil:
		return nil, err
	case s.domain != AF_INET:
		return nil, syscall.ENOPROTOOPT
	case s.typ == SOCK_STREAM:
		return nil, syscall.EPROTO
	case !group.Is4() || !group.IsMulticast():
		return nil, syscall.EINVAL
	case index != 0:
		if d := s.family.env.Dev.ByIndex(index); d != nil {
			return d, nil
		}
		return nil, syscall.ENODEV
	}
	r, err := s.family.proto.IP.Route(&inet.Flow{Dst: group})
	if err != nil {
		return nil, syscall.ENODEV
	}
	return r.Dev, nil
}

func find(list []inet.Membership, d *netdev.Device, group netip.Addr) int {
	return slices.IndexFunc(list, func(m inet.Membership) bool { return m.Device == d.Index && m.Group == group })
}

// changeGroups has fn change a copy of the memberships, of which that in
// question stands at the index given, -1 if there is none; the network learns
// what became of it.
func (s *Socket) changeGroups(d *netdev.Device, group netip.Addr, fn func([]inet.Membership, int) ([]inet.Membership, error)) error {
	groups := s.ops.Common().OwnGroups()
	return groups.Change(func(old []inet.Membership) ([]inet.Membership, error) {
		if s.has(isClosed) {
			return nil, syscall.EBADF
		}
		list, err := fn(slices.Clone(old), find(old, d, group))
		if err != nil {
			return nil, err
		}
		if i := find(list, d, group); i >= 0 {
			s.family.proto.IGMP.Set(d, group, groups, &list[i].Filter)
		} else {
			s.family.proto.IGMP.Set(d, group, groups, nil)
		}
		return list, nil
	})
}

// join adds a membership (ip_mc_join_group).
func (s *Socket) join(list []inet.Membership, i int, d *netdev.Device, group netip.Addr, f inet.Filter) ([]inet.Membership, error) {
	switch {
	case i >= 0:
		return nil, syscall.EADDRINUSE
	case len(list) >= s.family.proto.IGMP.MaxMemberships():
		return nil, syscall.ENOBUFS
	}
	return append(list, inet.Membership{Device: d.Index, Group: group, Filter: f}), nil
}

// leave takes a membership away (ip_mc_leave_group).
func leave(list []inet.Membership, i int) ([]inet.Membership, error) {
	if i < 0 {
		return nil, syscall.EADDRNOTAVAIL
	}
	return slices.Delete(list, i, i+1), nil
}

// leaveGroups ends all memberships with the socket (ip_mc_drop_socket).
func (s *Socket) leaveGroups() {
	groups := s.ops.Common().Groups()
	if groups == nil {
		return
	}
	_ = groups.Change(func(old []inet.Membership) ([]inet.Membership, error) { // it cannot fail
		for _, m := range old {
			if d := s.family.env.Dev.ByIndex(m.Device); d != nil {
				s.family.proto.IGMP.Set(d, m.Group, groups, nil)
			}
		}
		return nil, nil
	})
}
