package socket

import (
	"net/netip"
	"syscall"
)

// SetsockoptMD5 signs the segments of a stream to and from the peers of a
// prefix with a key of at most 80 bytes; an empty key takes it away again
// (TCP_MD5SIG, TCP_MD5SIG_EXT; RFC 2385). Errors: EINVAL, ENOENT where there is
// no key to take away, EKEYREJECTED where a TCP-AO key matches, ENOPROTOOPT
// for other sockets.
func (s *Socket) SetsockoptMD5(addr netip.Prefix, key []byte) error {
	if err := s.open(); err != nil {
		return err
	}
	c := s.Conn()
	switch {
	case c == nil:
		return syscall.ENOPROTOOPT
	case !addr.IsValid() || !addr.Addr().Is4():
		return syscall.EINVAL
	case len(key) == 0:
		return c.RemoveMD5Key(addr)
	}
	return c.SetMD5Key(addr, key)
}
