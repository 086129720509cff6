package socket

import "golang.org/x/net/bpf"

// AttachFilter has a program of classic BPF, such as bpf.Assemble makes or
// tcpdump -ddd prints, decide which packets the socket gets and how many bytes
// of each (SO_ATTACH_FILTER, socket(7)). It sees a packet from the link header
// on (SOCK_RAW of AF_PACKET), from the network header on (its SOCK_DGRAM, raw
// sockets), or from the transport header on (all others). What it refuses is
// dropped for the reason SOCKET_FILTER. Connections inherit their listener's.
// Errors: EINVAL for what is no program or asks for an extension that is not
// had, EPERM after SO_LOCK_FILTER.
func (s *Socket) AttachFilter(program []bpf.RawInstruction) error {
	if err := s.open(); err != nil {
		return err
	}
	return s.ops.Common().AttachFilter(program)
}

// DetachFilter takes the filter away (SO_DETACH_FILTER). Errors: ENOENT, EPERM.
func (s *Socket) DetachFilter() error {
	if err := s.open(); err != nil {
		return err
	}
	return s.ops.Common().DetachFilter()
}
