package tcp

import (
	"syscall"

	"github.com/slankdev/ministack/inet"
)

// Urgent data as BSD and Linux have it (RFC 6093): one byte, marked by the
// urgent pointer, which the user reads out of line with MSG_OOB, or in its
// place with SO_OOBINLINE. A later pointer replaces an earlier one.

type urgentPhase uint8

const (
	urgentNone urgentPhase = iota
	urgentComing
	urgentHere
	urgentRead
)

// urgentPointer notes where the urgent byte is (tcp_check_urg).
func (c *Conn) urgentPointer(s *segment) {
	off := int(s.hdr.Urgent())
	if off > 0 && !c.m.set.stdurg.Bool() {
		off-- // the pointer names the byte behind (RFC 6093 2.1)
	}
	at := s.seq.Add(off)
	if at.Before(c.copied()) || at.Before(c.rcv.nxt) {
		return
	}
	if c.rcv.urgentState != urgentNone && at.AtOrBefore(c.rcv.urgentSeq) {
		return
	}
	c.rcv.urgentState, c.rcv.urgentSeq = urgentComing, at
	c.Wake(inet.PollPri)
}

// urgentByte takes the byte out of the segment that holds it (tcp_urg).
func (c *Conn) urgentByte(s *segment) {
	off := c.rcv.urgentSeq.Sub(s.seq)
	if off < 0 || off >= s.len {
		return
	}
	var p [1]byte
	s.buf.CopyOut(s.hdr.Len()+off, p[:])
	c.rcv.urgentData, c.rcv.urgentState = p[0], urgentHere
	c.Wake(inet.PollIn | inet.PollPri)
}

// recvUrgent is recv with MSG_OOB (tcp_recv_urg).
func (c *Conn) recvUrgent(p []byte, flags int) (int, error) {
	if c.Options.OOBInline || c.rcv.urgentState == urgentNone || c.rcv.urgentState == urgentRead {
		return 0, syscall.EINVAL
	}
	if c.state == Closed {
		return 0, syscall.ENOTCONN
	}
	if c.rcv.urgentState != urgentHere {
		return 0, syscall.EAGAIN
	}
	if flags&inet.MsgPeek == 0 {
		c.rcv.urgentState = urgentRead
	}
	return copy(p, []byte{c.rcv.urgentData}), nil
}

// untilUrgent returns how many of n bytes may be read before the mark, and
// whether the next byte is the urgent one and is to be passed over.
func (c *Conn) untilUrgent(n int) (int, bool) {
	if c.rcv.urgentState == urgentNone {
		return n, false
	}
	ahead := c.rcv.urgentSeq.Sub(c.copied())
	switch {
	case ahead < 0 || ahead >= n && ahead > 0:
		return n, false
	case ahead == 0:
		return n, !c.Options.OOBInline
	}
	return ahead, false
}

// passUrgent forgets a mark that the user has read past.
func (c *Conn) passUrgent() {
	if c.rcv.urgentState != urgentNone && c.copied().After(c.rcv.urgentSeq) {
		c.rcv.urgentState = urgentNone
	}
}

// AtMark reports whether the next byte to be read is at the urgent mark
// (SIOCATMARK).
func (c *Conn) AtMark() bool {
	c.Lock()
	defer c.Unlock()
	return c.rcv.urgentState != urgentNone && c.rcv.urgentSeq == c.copied()
}

// markUrgent has the last byte written sent as urgent (tcp_mark_urg).
func (c *Conn) markUrgent() { c.snd.up, c.snd.urgent = c.sendq.end, true }
