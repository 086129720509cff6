package inet

import "net/netip"

// Flags of send(2) and recv(2), with Linux's values.
const (
	MsgOOB        = 0x1
	MsgPeek       = 0x2
	MsgTrunc      = 0x20
	MsgDontWait   = 0x40
	MsgWaitAll    = 0x100
	MsgErrQueue   = 0x2000
	MsgNoSignal   = 0x4000
	MsgMore       = 0x8000
	MsgWaitForOne = 0x10000
)

// How to shut down, as shutdown(2) has it.
const (
	ShutRead = iota
	ShutWrite
	ShutBoth
)

// Message is what sendmsg and recvmsg take and fill (struct msghdr, struct
// mmsghdr).
type Message struct {
	Data []byte
	Addr netip.AddrPort // to, or from
	Link LinkAddr       // to, or from, of packet sockets

	// Control is what sendmsg asks of this one packet.
	Control Control

	// What recvmsg fills in beside the data, and Ancillary if it was asked for.
	N     int // bytes copied to, or taken from, Data
	Len   int // the datagram's length, more than fits Data if it was cut
	Flags int // MSG_TRUNC if it was
	Ancillary
	// Err is set by recvmsg with MSG_ERRQUEUE; Data then has what the error
	// quotes, and Addr is where that was sent to.
	Err *SockError
}

// Filled notes a datagram of length bytes, of which n were copied, and returns
// what recvmsg does: with MSG_TRUNC the whole length.
func (m *Message) Filled(n, length, flags int) int {
	m.N, m.Len, m.Flags = n, length, 0
	if n < length {
		m.Flags = MsgTrunc
		if flags&MsgTrunc != 0 {
			return length
		}
	}
	return n
}

// LinkAddr is an address of packet sockets (struct sockaddr_ll, packet(7)).
// Its numbers are in host order, the EtherType too: 0x0800 is IPv4.
type LinkAddr struct {
	Protocol uint16 // EtherType; ETH_P_ALL for all
	IfIndex  int    // 0: any device
	HaType   uint16 // ARPHRD_*; set on receipt
	PktType  uint8  // PACKET_*; set on receipt
	HaLen    uint8  // bytes of Addr in use
	Addr     [8]byte
}
