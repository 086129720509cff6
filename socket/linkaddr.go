package socket

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/packet"
)

// Message is what sendmsg and recvmsg take and fill (struct msghdr).
type Message = inet.Message

// LinkAddr is an address of packet sockets (struct sockaddr_ll), its numbers
// in host order.
type LinkAddr = inet.LinkAddr

// PacketMreq asks a device to let frames through (struct packet_mreq).
type PacketMreq = packet.Mreq

// Packet returns the packet socket behind s, nil for other sockets.
func (s *Socket) Packet() *packet.Sock {
	if o, ok := s.ops.(packetOps); ok {
		return o.s
	}
	return nil
}

// BindLink gives a packet socket its protocol and device (bind(2), packet(7)).
// Errors: ENODEV, EAFNOSUPPORT for other sockets.
func (s *Socket) BindLink(a LinkAddr) error {
	if err := s.open(); err != nil {
		return err
	}
	if k := s.Packet(); k != nil {
		return k.Bind(a)
	}
	return syscall.EAFNOSUPPORT
}

// GetsocknameLink returns what a packet socket is bound to (getsockname(2)).
// Error: EAFNOSUPPORT for other sockets.
func (s *Socket) GetsocknameLink() (LinkAddr, error) {
	if err := s.open(); err != nil {
		return LinkAddr{}, err
	}
	if k := s.Packet(); k != nil {
		return k.Name(), nil
	}
	return LinkAddr{}, syscall.EAFNOSUPPORT
}

// PacketMembership is setsockopt(2) with PACKET_ADD_MEMBERSHIP or
// PACKET_DROP_MEMBERSHIP: a device lets frames through that it would keep away
// (B22). Errors: ENODEV, EINVAL, ENOPROTOOPT.
func (s *Socket) PacketMembership(name int, r PacketMreq) error {
	if err := s.open(); err != nil {
		return err
	}
	k := s.Packet()
	switch {
	case k == nil:
	case name == PACKET_ADD_MEMBERSHIP:
		return k.AddMembership(r)
	case name == PACKET_DROP_MEMBERSHIP:
		return k.DropMembership(r)
	}
	return syscall.ENOPROTOOPT
}

// PacketStatistics returns how many frames a packet socket was to get and how
// many of them were lost since the last call (PACKET_STATISTICS, B23). Error:
// ENOPROTOOPT for other sockets.
func (s *Socket) PacketStatistics() (packet.Statistics, error) {
	if err := s.open(); err != nil {
		return packet.Statistics{}, err
	}
	if k := s.Packet(); k != nil {
		return k.Statistics(), nil
	}
	return packet.Statistics{}, syscall.ENOPROTOOPT
}
