package inet

import "syscall"

// Report gives the user an ICMP error about what a socket without connections
// of the kind of TCP's had sent (raw_err, ping_err): if he asked for all of them
// (IP_RECVERR), or if the socket has a peer and the error is no passing one
// (B15). Lock held.
func (s *Sock) Report(e *Error, connected bool) {
	hard, errno := e.Hard, e.Errno
	if e.Kind == NeedFrag {
		hard, errno = s.Options.MTUDiscover != PMTUDont, syscall.EMSGSIZE
	}
	if s.WantsErrors() || hard && connected {
		s.SetError(errno)
	}
}
