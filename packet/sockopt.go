package packet

import "syscall"

// Options of SOL_PACKET that are numbers (packet(7)).
const (
	optAuxData        = 8
	optIgnoreOutgoing = 23
)

// SetOption sets an option of level SOL_PACKET (packet_setsockopt). Errors:
// EINVAL, ENOPROTOOPT for rings, fanout and what else is not there.
func (s *Sock) SetOption(name, value int) error {
	s.Lock()
	defer s.Unlock()
	switch name {
	case optAuxData:
		s.auxdata = value != 0
	case optIgnoreOutgoing:
		if value < 0 || value > 1 {
			return syscall.EINVAL
		}
		s.ignoreOutgoing.Store(value == 1)
	default:
		return syscall.ENOPROTOOPT
	}
	return nil
}

// Option returns an option of level SOL_PACKET (packet_getsockopt). Error:
// ENOPROTOOPT.
func (s *Sock) Option(name int) (int, error) {
	s.Lock()
	defer s.Unlock()
	on := false
	switch name {
	case optAuxData:
		on = s.auxdata
	case optIgnoreOutgoing:
		on = s.ignoreOutgoing.Load()
	default:
		return 0, syscall.ENOPROTOOPT
	}
	if on {
		return 1, nil
	}
	return 0, nil
}

// Statistics are what the socket was to get (struct tpacket_stats).
type Statistics struct {
	Packets uint32 // what passed the filter, the lost ones among them
	Drops   uint32 // what was lost because the receive buffer was full
}

// Statistics returns the counts since the last call, and begins anew
// (PACKET_STATISTICS, B23).
func (s *Sock) Statistics() Statistics {
	s.Lock()
	defer s.Unlock()
	drops := s.lost.Swap(0)
	st := Statistics{Packets: s.packets + drops, Drops: drops}
	s.packets = 0
	return st
}
