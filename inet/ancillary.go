package inet

import (
	"net/netip"
	"time"

	"github.com/slankdev/ministack/skb"
)

// Control is what one message asks of its packet in place of the socket's
// options: the ancillary data of sendmsg (cmsg(3), ip(7); struct ipcm_cookie).
// The zero Control asks nothing.
type Control struct {
	Source      netip.Addr // IP_PKTINFO: the source address, one of this host (ipi_spec_dst)
	Device      int        // IP_PKTINFO: the device's index (ipi_ifindex)
	TTL         int        // IP_TTL, 1 to 255; 0: the socket's
	TOS         int        // IP_TOS, 0 to 255, if HasTOS
	HasTOS      bool
	Options     []byte // IP_RETOPTS: IPv4 options, of which 40 bytes count
	SegmentSize int    // UDP_SEGMENT: the data is datagrams of this size
}

// Ancillary is what recvmsg tells of a packet beside its data (cmsg(3),
// ip(7)). Each part is filled in only if the socket asked for it.
type Ancillary struct {
	To      netip.Addr // IP_PKTINFO: where the packet went (ipi_addr)
	Local   netip.Addr // IP_PKTINFO: the address to answer from (ipi_spec_dst)
	IfIndex int        // IP_PKTINFO: the device that it came in by
	TTL     uint8      // IP_RECVTTL
	TOS     uint8      // IP_RECVTOS
	Time    time.Time  // SO_TIMESTAMP (to the microsecond), SO_TIMESTAMPNS
	Options []byte     // IP_RECVOPTS: its IPv4 options as they came
	Reply   []byte     // IP_RETOPTS: the options that an answer carries
	Drops   uint32     // SO_RXQ_OVFL: packets that found the queue full, so far
	// SegmentSize is not 0 where the data is several datagrams, all of this
	// size but the last, which may be shorter (UDP_GRO).
	SegmentSize int
	Aux         AuxData // PACKET_AUXDATA
}

// AuxData is what PACKET_AUXDATA tells of a frame (struct tpacket_auxdata).
type AuxData struct {
	Status  uint32 // packet.Status*
	Len     int    // bytes of the frame, before a filter cut it
	SnapLen int    // and after
	Net     int    // where in them the network header begins
}

// SO_TIMESTAMP and SO_TIMESTAMPNS, as Options.Timestamp has them.
const (
	StampNone = iota
	StampMicro
	StampNano
)

// Ancillary returns what the options ask for of the received packet b. net may
// be nil where none of them are of level SOL_IP.
func (s *Sock) Ancillary(b *skb.Buffer, net Network) Ancillary {
	o := &s.Options
	var a Ancillary
	if o.PktInfo {
		a.To, a.IfIndex, a.Local = b.Net.Dst, int(b.IfIndex), answerFrom(b, net)
	}
	if o.RecvTTL {
		a.TTL = b.Net.TTL
	}
	if o.RecvTOS {
		a.TOS = b.Net.TOS
	}
	if o.Timestamp != StampNone {
		a.Time = s.stamp(b)
	}
	if o.RecvOpts {
		a.Options, _ = net.Options(b)
	}
	if o.RetOpts {
		_, a.Reply = net.Options(b)
	}
	if o.RecvDrops {
		a.Drops = s.Drops.Load()
	}
	return a
}

// answerFrom is the address that the packet was sent to, or, if that is no
// host's, the one that a packet to its sender would have (fib_compute_spec_dst).
func answerFrom(b *skb.Buffer, net Network) netip.Addr {
	if net.Kind(b.Net.Dst) == Local {
		return b.Net.Dst
	}
	r, err := net.Route(&Flow{Dst: b.Net.Src, Device: int(b.IfIndex)})
	if err != nil {
		return netip.Addr{}
	}
	return r.Src
}

// stamp is the time of day at which the packet came in.
func (s *Sock) stamp(b *skb.Buffer) time.Time {
	c := s.env.Clock
	at := c.Wall().Add(-c.Now().Sub(b.Time))
	if s.Options.Timestamp == StampMicro {
		at = at.Truncate(time.Microsecond)
	}
	return at
}

// WantsHeader reports whether the network header of what is queued is asked
// for: it must not be compacted away.
func (s *Sock) WantsHeader() bool { return s.Options.RecvOpts || s.Options.RetOpts }
