package inet

import "github.com/slankdev/ministack/skb"

// The send buffer of sockets whose packets leave as they are (sock_wmalloc,
// sock_wfree): a packet is charged to its socket until it dies, which is when
// the driver has taken it, or when somebody on the way dropped it. A socket
// that holds SO_SNDBUF bytes or more waits. So a sender that is faster than the
// device is held back instead of filling the device's queue for others, and
// several senders share a device without loss.
//
// A packet dies under locks of whoever held it last, so nothing here takes the
// socket's: the charge is a counter, and who waits for room says so in flagNoSpace.

// ChargeSend charges b, whose size is final, to the socket (skb_set_owner_w).
func (s *Sock) ChargeSend(b *skb.Buffer) {
	n := b.TrueSize()
	s.WmemAlloc.Add(int32(n))
	b.SetOwner(s, n)
}

// Freed gives a packet's charge back, and wakes who waits for room once half of
// the buffer is free (sock_wfree, sock_def_write_space).
func (s *Sock) Freed(size int) {
	left := s.WmemAlloc.Add(-int32(size))
	if s.has(flagNoSpace) && left <= s.SndBuf.Load()/2 && s.flags.And(^flagNoSpace)&flagNoSpace != 0 {
		s.Wake(PollOut)
	}
}

// MaySend reports whether the buffer takes one more packet: as in Linux, one of
// any size while it is not full (sock_alloc_send_pskb).
func (s *Sock) MaySend() bool { return s.WmemAlloc.Load() < s.SndBuf.Load() }

// Writable reports whether poll(2) calls the socket writable, which takes half
// of the buffer (sock_writeable); if not, it will be told.
func (s *Sock) Writable() bool {
	half := s.SndBuf.Load() / 2
	if s.WmemAlloc.Load() < half {
		return true
	}
	s.flags.Or(flagNoSpace)
	return s.WmemAlloc.Load() < half
}

// AwaitSpace waits until MaySend, or something else woke the call (EAGAIN).
// What the socket itself has queued is sent first. Lock held.
func (s *Sock) AwaitSpace(p *Patience) error {
	s.env.Dev.Flush()
	if s.MaySend() {
		return nil
	}
	until, err := s.patienceEnds(p)
	s.flags.Or(flagNoSpace)
	if err != nil {
		return err
	}
	s.blockUnless(PollOut, until, s.MaySend)
	return nil
}
