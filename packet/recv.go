package packet

import (
	"encoding/binary"
	"syscall"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// Bits of inet.AuxData.Status (TP_STATUS_*).
const (
	StatusUser         = 1 << 0
	StatusCsumNotReady = 1 << 3 // the checksum is still to be finished: the frame never was on a wire
	StatusCsumValid    = 1 << 7 // the device verified it
	StatusGSOTCP       = 1 << 8 // several segments in one
)

// recvFlags are the flags that packet_recvmsg takes.
const recvFlags = inet.MsgPeek | inet.MsgDontWait | inet.MsgTrunc

// Recv takes the oldest frame off the queue and returns how many bytes it has
// (packet_recvmsg); what m.Data does not hold of it is lost. Errors: EINVAL for
// a flag that is not had, EAGAIN, and ENETDOWN once when the device that the
// socket is bound to went down.
func (s *Sock) Recv(m *inet.Message, flags int, p *inet.Patience) (int, error) {
	if flags&^recvFlags != 0 {
		return 0, syscall.EINVAL
	}
	s.Lock()
	defer s.Unlock()
	b, err := s.Next(p)
	if err != nil {
		return 0, err
	}
	m.Link, m.Ancillary = from(b), s.Ancillary(b, nil)
	if s.auxdata {
		m.Aux = auxOf(b)
	}
	length := b.Len()
	return m.Filled(s.Read(b, m.Data, flags), length, flags), nil
}

func from(b *skb.Buffer) inet.LinkAddr {
	a := inet.LinkAddr{Protocol: b.EtherType, IfIndex: int(b.IfIndex), PktType: uint8(b.Type),
		HaType: uint16(b.CB[cbHardware] >> 16), HaLen: uint8(b.CB[cbHardware])}
	if a.HaLen > 0 {
		binary.BigEndian.PutUint32(a.Addr[:], b.CB[cbAddr])
		binary.BigEndian.PutUint32(a.Addr[4:], b.CB[cbAddrRest])
	}
	return a
}

func auxOf(b *skb.Buffer) inet.AuxData {
	a := inet.AuxData{Status: StatusUser, Len: int(b.CB[cbLen]), SnapLen: b.Len(), Net: int(b.CB[cbNetOffset])}
	switch {
	case b.Csum == skb.CsumPartial:
		a.Status |= StatusCsumNotReady
	case b.Csum == skb.CsumUnnecessary && b.Type != skb.PacketOutgoing:
		a.Status |= StatusCsumValid
	}
	if b.GSO == skb.GSOTCPv4 {
		a.Status |= StatusGSOTCP
	}
	return a
}
