package udp

import "syscall"

// Options of level SOL_UDP, with Linux's values (udp(7)).
const (
	optCork    = 1
	optSegment = 103
	optGRO     = 104
)

// SetOption sets an option of level SOL_UDP (udp_lib_setsockopt). Errors:
// ENOPROTOOPT, EINVAL.
func (s *Sock) SetOption(name, value int) error {
	s.Lock()
	defer s.Unlock()
	switch name {
	case optCork:
		if s.corkOn = value != 0; !s.corkOn {
			_ = s.push() // the option is set whatever becomes of the datagram
		}
	case optSegment:
		if value < 0 || value > 0xffff {
			return syscall.EINVAL
		}
		s.segment = value
	case optGRO:
		s.gro.Store(value != 0)
	default:
		return syscall.ENOPROTOOPT
	}
	return nil
}

// Option returns an option of level SOL_UDP. Error: ENOPROTOOPT.
func (s *Sock) Option(name int) (int, error) {
	s.Lock()
	defer s.Unlock()
	switch name {
	case optCork:
		return number(s.corkOn), nil
	case optSegment:
		return s.segment, nil
	case optGRO:
		return number(s.gro.Load()), nil
	}
	return 0, syscall.ENOPROTOOPT
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
