package socket

import (
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/raw"
	"github.com/slankdev/ministack/skb"
)

// Constants with Linux's values (socket(2), ip(7), tcp(7), poll(2)), whatever
// the system that the program runs on.
const (
	AF_UNSPEC = 0
	AF_INET   = 2
	AF_PACKET = 17

	SOCK_STREAM   = 1
	SOCK_DGRAM    = 2
	SOCK_RAW      = 3
	SOCK_NONBLOCK = 0x800
	SOCK_CLOEXEC  = 0x80000 // accepted; there is nothing to exec

	IPPROTO_IP   = 0
	IPPROTO_ICMP = 1
	IPPROTO_TCP  = 6
	IPPROTO_UDP  = 17
	IPPROTO_RAW  = 255
)

// Levels of getsockopt and setsockopt.
const (
	SOL_SOCKET = 1
	SOL_IP     = 0
	SOL_TCP    = 6
	SOL_UDP    = 17
	SOL_RAW    = 255
	SOL_PACKET = 263
)

// Options of SOL_SOCKET.
const (
	SO_REUSEADDR        = 2
	SO_TYPE             = 3
	SO_ERROR            = 4
	SO_BROADCAST        = 6
	SO_SNDBUF           = 7
	SO_RCVBUF           = 8
	SO_KEEPALIVE        = 9
	SO_OOBINLINE        = 10
	SO_LINGER           = 13
	SO_NO_CHECK         = 11
	SO_REUSEPORT        = 15
	SO_RCVLOWAT         = 18
	SO_SNDLOWAT         = 19
	SO_RCVTIMEO         = 20
	SO_SNDTIMEO         = 21
	SO_BINDTODEVICE     = 25
	SO_DETACH_FILTER    = 27 // see AttachFilter
	SO_TIMESTAMP        = 29
	SO_ACCEPTCONN       = 30
	SO_SNDBUFFORCE      = 32
	SO_RCVBUFFORCE      = 33
	SO_TIMESTAMPNS      = 35
	SO_PROTOCOL         = 38
	SO_DOMAIN           = 39
	SO_RXQ_OVFL         = 40
	SO_LOCK_FILTER      = 44
	SO_SELECT_ERR_QUEUE = 45
	SO_MAX_PACING_RATE  = 47
	SO_BINDTOIFINDEX    = 62
)

// Options of SOL_IP.
const (
	IP_TOS          = 1
	IP_TTL          = 2
	IP_HDRINCL      = 3
	IP_OPTIONS      = 4
	IP_RECVOPTS     = 6
	IP_RETOPTS      = 7
	IP_PKTINFO      = 8
	IP_MTU_DISCOVER = 10
	IP_RECVERR      = 11
	IP_RECVTTL      = 12
	IP_RECVTOS      = 13
	IP_MTU          = 14
	IP_FREEBIND     = 15
	IP_UNICAST_IF   = 50
	IP_PROTOCOL     = 52

	IP_MULTICAST_IF           = 32
	IP_MULTICAST_TTL          = 33
	IP_MULTICAST_LOOP         = 34
	IP_ADD_MEMBERSHIP         = 35
	IP_DROP_MEMBERSHIP        = 36
	IP_UNBLOCK_SOURCE         = 37
	IP_BLOCK_SOURCE           = 38
	IP_ADD_SOURCE_MEMBERSHIP  = 39
	IP_DROP_SOURCE_MEMBERSHIP = 40
	IP_MSFILTER               = 41
	MCAST_JOIN_GROUP          = 42
	MCAST_BLOCK_SOURCE        = 43
	MCAST_UNBLOCK_SOURCE      = 44
	MCAST_LEAVE_GROUP         = 45
	MCAST_JOIN_SOURCE_GROUP   = 46
	MCAST_LEAVE_SOURCE_GROUP  = 47
	MCAST_MSFILTER            = 48
	IP_MULTICAST_ALL          = 49
)

// Values of IP_MTU_DISCOVER.
const (
	IP_PMTUDISC_DONT = iota
	IP_PMTUDISC_WANT
	IP_PMTUDISC_DO
	IP_PMTUDISC_PROBE
	IP_PMTUDISC_INTERFACE
	IP_PMTUDISC_OMIT
)

// Options of SOL_UDP.
const (
	UDP_CORK    = 1
	UDP_SEGMENT = 103
	UDP_GRO     = 104
)

// Options of SOL_RAW.
const ICMP_FILTER = raw.OptICMPFilter

// Options of SOL_TCP.
const (
	TCP_NODELAY              = 1
	TCP_MAXSEG               = 2
	TCP_CORK                 = 3
	TCP_KEEPIDLE             = 4
	TCP_KEEPINTVL            = 5
	TCP_KEEPCNT              = 6
	TCP_SYNCNT               = 7
	TCP_LINGER2              = 8
	TCP_DEFER_ACCEPT         = 9
	TCP_WINDOW_CLAMP         = 10
	TCP_INFO                 = 11
	TCP_QUICKACK             = 12
	TCP_CONGESTION           = 13
	TCP_THIN_LINEAR_TIMEOUTS = 16
	TCP_USER_TIMEOUT         = 18
	TCP_FASTOPEN             = 23
	TCP_TIMESTAMP            = 24
	TCP_NOTSENT_LOWAT        = 25

	TCP_FASTOPEN_CONNECT   = 30
	TCP_FASTOPEN_KEY       = 33
	TCP_FASTOPEN_NO_COOKIE = 34

	TCP_RTO_MAX_MS    = 44
	TCP_RTO_MIN_US    = 45
	TCP_DELACK_MAX_US = 46
)

// Options of SOL_PACKET (packet(7)). The memberships are set by
// PacketMembership, the statistics read by PacketStatistics.
const (
	PACKET_ADD_MEMBERSHIP  = 1
	PACKET_DROP_MEMBERSHIP = 2
	PACKET_STATISTICS      = 6
	PACKET_AUXDATA         = 8
	PACKET_IGNORE_OUTGOING = 23
)

// Types of PacketMreq.
const (
	PACKET_MR_MULTICAST = packet.MRMulticast
	PACKET_MR_PROMISC   = packet.MRPromisc
	PACKET_MR_ALLMULTI  = packet.MRAllMulti
	PACKET_MR_UNICAST   = packet.MRUnicast
)

// Whom a frame was for: LinkAddr.PktType.
const (
	PACKET_HOST      = uint8(skb.PacketHost)
	PACKET_BROADCAST = uint8(skb.PacketBroadcast)
	PACKET_MULTICAST = uint8(skb.PacketMulticast)
	PACKET_OTHERHOST = uint8(skb.PacketOtherHost)
	PACKET_OUTGOING  = uint8(skb.PacketOutgoing)
)

// Protocols of packet sockets, in host order: EtherTypes.
const (
	ETH_P_ALL  = packet.AllProtocols
	ETH_P_IP   = link.TypeIPv4
	ETH_P_ARP  = link.TypeARP
	ETH_P_IPV6 = link.TypeIPv6
)

// Requests of ioctl.
const (
	SIOCINQ    = 0x541b
	SIOCOUTQ   = 0x5411
	SIOCATMARK = 0x8905
)

// Flags of send and recv.
const (
	MSG_OOB      = 0x1
	MSG_PEEK     = 0x2
	MSG_TRUNC    = 0x20
	MSG_DONTWAIT = 0x40
	MSG_WAITALL  = 0x100
	MSG_ERRQUEUE = 0x2000
	MSG_NOSIGNAL = 0x4000
	MSG_MORE     = 0x8000

	MSG_WAITFORONE = 0x10000
	MSG_FASTOPEN   = 0x20000000
)

// Events of poll and, with the same values, of Poller.
const (
	POLLIN    = inet.PollIn
	POLLPRI   = inet.PollPri
	POLLOUT   = inet.PollOut
	POLLERR   = inet.PollErr
	POLLHUP   = inet.PollHup
	POLLNVAL  = inet.Ready(0x020)
	POLLRDHUP = inet.PollRdHup
)

// How to shut down.
const (
	SHUT_RD = iota
	SHUT_WR
	SHUT_RDWR
)
