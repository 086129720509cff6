package socket

import (
	"strings"
	"syscall"

	"github.com/slankdev/ministack/inet"
)

// SetsockoptString sets an option that is a string or bytes: SO_BINDTODEVICE
// by the device's name, IP_OPTIONS, TCP_CONGESTION, TCP_FASTOPEN_KEY. Errors:
// ENOPROTOOPT, EINVAL, ENODEV, ENOENT for a congestion control that is not there.
func (s *Socket) SetsockoptString(level, name int, value string) error {
	if err := s.open(); err != nil {
		return err
	}
	if level == SOL_SOCKET && name == SO_BINDTODEVICE {
		return s.bindToName(strings.TrimRight(value, "\x00"))
	}
	if level == SOL_IP && name == IP_OPTIONS {
		return s.setOptions([]byte(value))
	}
	c := s.Conn()
	if c == nil || level != SOL_TCP {
		return syscall.ENOPROTOOPT
	}
	switch name {
	case TCP_CONGESTION:
		return c.SetCongestion(strings.TrimRight(value, "\x00"))
	case TCP_FASTOPEN_KEY:
		return c.SetFastOpenKey([]byte(value))
	}
	return syscall.ENOPROTOOPT
}

// GetsockoptString returns an option that is a string or bytes; see
// SetsockoptString.
func (s *Socket) GetsockoptString(level, name int) (string, error) {
	if err := s.open(); err != nil {
		return "", err
	}
	if level == SOL_IP && name == IP_OPTIONS {
		return s.options()
	}
	c := s.Conn()
	if c == nil || level != SOL_TCP {
		return "", syscall.ENOPROTOOPT
	}
	switch name {
	case TCP_CONGESTION:
		return c.Congestion(), nil
	case TCP_FASTOPEN_KEY:
		return string(c.FastOpenKey()), nil
	}
	return "", syscall.ENOPROTOOPT
}

// bindToName is SO_BINDTODEVICE; an empty name binds to none.
func (s *Socket) bindToName(name string) error {
	if name == "" {
		return s.setDevice(0)
	}
	d := s.family.env.Dev.ByName(name)
	if d == nil {
		return syscall.ENODEV
	}
	return s.setDevice(d.Index)
}

// setOptions takes the IPv4 options of every packet from now on (IP_OPTIONS).
// Errors: EINVAL, ENOPROTOOPT for streams, whose segments carry none.
func (s *Socket) setOptions(p []byte) error {
	if s.typ == SOCK_STREAM {
		return syscall.ENOPROTOOPT
	}
	compiled, err := s.family.proto.IP.CompileOptions(p)
	if err != nil {
		return err
	}
	c := s.ops.Common()
	c.Lock()
	defer c.Unlock()
	c.Options.SetEgress(func(e *inet.Egress) { e.IPOptions = compiled })
	return nil
}

func (s *Socket) options() (string, error) {
	if s.typ == SOCK_STREAM {
		return "", syscall.ENOPROTOOPT
	}
	c := s.ops.Common()
	c.Lock()
	defer c.Unlock()
	return string(c.Options.Egress().IPOptions), nil
}
