package packet

import (
	"syscall"

	"github.com/slankdev/ministack/netdev"
)

// Mreq asks a device to let frames through (struct packet_mreq).
type Mreq struct {
	IfIndex int
	Type    uint16 // MRMulticast, ...
	ALen    uint8  // bytes of Addr in use
	Addr    [8]byte
}

// Types of membership (PACKET_MR_*).
const (
	MRMulticast = iota
	MRPromisc
	MRAllMulti
	MRUnicast
)

// membership is one that the socket has, and how often (struct packet_mclist).
type membership struct {
	Mreq
	count int
}

// AddMembership has a device let frames through until DropMembership or Close
// (packet_mc_add, B22). The same may be asked for several times. Errors: ENODEV,
// EINVAL for a type or an address that cannot be.
func (s *Sock) AddMembership(r Mreq) error {
	s.Lock()
	defer s.Unlock()
	d := s.m.env.Dev.ByIndex(r.IfIndex)
	switch {
	case s.Closed():
		return syscall.EBADF
	case d == nil:
		return syscall.ENODEV
	case int(r.ALen) > addrLen(d):
		return syscall.EINVAL
	}
	r.normalize()
	if i := s.findMembership(&r); i >= 0 {
		s.groups[i].count++
		return nil
	}
	if err := change(d, &r, 1); err != nil {
		return err
	}
	s.groups = append(s.groups, membership{r, 1})
	return nil
}

// DropMembership undoes one AddMembership; what was not added is no error
// (packet_mc_drop).
func (s *Sock) DropMembership(r Mreq) error {
	s.Lock()
	defer s.Unlock()
	r.normalize()
	i := s.findMembership(&r)
	if i < 0 {
		return nil
	}
	if s.groups[i].count--; s.groups[i].count == 0 {
		s.leaveGroup(&r)
		s.groups = append(s.groups[:i], s.groups[i+1:]...)
	}
	return nil
}

// normalize makes requests that mean the same equal: bytes behind the address
// mean nothing.
func (r *Mreq) normalize() {
	r.ALen = min(r.ALen, uint8(len(r.Addr)))
	clear(r.Addr[r.ALen:])
}

func (s *Sock) findMembership(r *Mreq) int {
	for i := range s.groups {
		if s.groups[i].Mreq == *r {
			return i
		}
	}
	return -1
}

// dropMemberships ends all (packet_flush_mclist).
func (s *Sock) dropMemberships() {
	for i := range s.groups {
		s.leaveGroup(&s.groups[i].Mreq)
	}
	s.groups = nil
}

// leaveGroup has a device that is still there let less through; that has no
// errors.
func (s *Sock) leaveGroup(r *Mreq) {
	if d := s.m.env.Dev.ByIndex(r.IfIndex); d != nil {
		_ = change(d, r, -1)
	}
}

// change counts what a device lets through up or down (packet_dev_mc).
func change(d *netdev.Device, r *Mreq, by int) error {
	switch {
	case r.Type == MRPromisc:
		return d.AddPromiscuity(by)
	case r.Type == MRAllMulti:
		return d.AddAllMulti(by)
	case r.Type > MRUnicast || int(r.ALen) != addrLen(d):
		return syscall.EINVAL
	case r.Type == MRMulticast:
		d.JoinGroup(netdev.MACAddr(r.Addr[:6]), by)
		return nil
	}
	return d.AddPromiscuity(by) // no driver filters by a list of addresses (IFF_UNICAST_FLT)
}
