package udp

import "syscall"

// Options of level SOL_UDP, with Linux's values (udp(7)).
const (
	optCork    = 1
	optSegment = 103
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
		if s.corkOn {
			return 1, nil
		}
		return 0, nil
	case optSegment:
		return s.segment, nil
	}
	return 0, syscall.ENOPROTOOPT
}
