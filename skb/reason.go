package skb

// Reason says why a buffer died before it reached its reader. Linux's
// spelling (enum skb_drop_reason) is kept where the meaning is the same.
// NotDropped, the zero Reason, means that it was delivered, queued or consumed.
type Reason uint8

// The reasons. There is no catch-all: who drops knows why.
const (
	NotDropped Reason = iota

	// Device and link.
	PktTooSmall
	OtherHost
	UnhandledProto
	MACInvalidSource
	BridgeReserved
	BridgeSamePort
	BridgeNoPort
	HdrTrunc
	DevReady
	DevHdr
	FullRing
	QdiscDrop
	NoMem
	Impaired
	GSOFailed

	// Neighbours.
	ARPInvalid
	ARPIgnored
	NeighFailed
	NeighQueueFull
	NeighDead
	NeighTableFull

	// IPv4.
	IPInHdr
	IPCsum
	IPInvalidSource
	IPInvalidDest
	IPInNoRoutes
	IPOutNoRoutes
	IPNoProto
	IPOptions
	IPTTLExceeded
	IPForwardOff
	PktTooBig
	DupFrag
	FragOverlap
	FragInvalid
	FragReasmTimeout
	FragMemLimit

	// ICMP.
	ICMPCsum
	ICMPHdr
	ICMPIgnored
	ICMPRateLimit
	ICMPUnknownType

	// IGMP.
	IGMPCsum
	IGMPHdr

	// Sockets of every kind.
	NoSocket
	SocketRcvBuff
	SocketBacklog
	SocketFilter
	SocketClose
	ProtoMem

	// UDP.
	UDPCsum
	UDPHdr

	// TCP.
	TCPCsum
	TCPHdr
	TCPFlags
	TCPOldData
	TCPOverWindow
	TCPZeroWindow
	TCPOfoMerge
	TCPOfoDrop
	TCPOfoPrune
	TCPInvalidSequence
	TCPInvalidSyn
	TCPInvalidAckSequence
	TCPAckUnsentData
	TCPOldAck
	TCPTooOldAck
	TCPRFC7323PAWS
	TCPRFC7323PAWSAck
	TCPRFC7323TSEcr
	TCPReset
	TCPClose
	TCPAbortOnData
	TCPListenOverflow
	TCPReqQFull
	TCPTimeWait
	TCPAuthHdr
	TCPMD5NotFound
	TCPMD5Unexpected
	TCPMD5Failure
	TCPAONotFound
	TCPAOUnexpected
	TCPAOKeyNotFound
	TCPAOFailure

	// A function of the embedder, which answers for others.
	HandlerFull
	HandlerBusy
	HandlerRefused
	HandlerTimeout

	// A queue was emptied: close of a socket, a device or the stack.
	QueuePurge

	// NumReasons is how many there are, NotDropped among them.
	NumReasons
)

type reasonText struct{ name, text string }

var reasonTexts = [NumReasons]reasonText{
	NotDropped:            {"NOT_DROPPED", "delivered, queued or consumed"},
	PktTooSmall:           {"PKT_TOO_SMALL", "shorter than the header that it must carry"},
	OtherHost:             {"OTHERHOST", "the frame was for another station's MAC address"},
	UnhandledProto:        {"UNHANDLED_PROTO", "nobody handles this EtherType"},
	MACInvalidSource:      {"MAC_INVALID_SOURCE", "the source MAC address is a group's or zero"},
	BridgeReserved:        {"BRIDGE_RESERVED", "the frame is for the bridges of its own link, 01:80:c2:00:00:0X"},
	BridgeSamePort:        {"BRIDGE_SAME_PORT", "the bridge knows the destination behind the port that the frame came by"},
	BridgeNoPort:          {"BRIDGE_NO_PORT", "the bridge has no other port that is up"},
	HdrTrunc:              {"HDR_TRUNC", "the device's metadata promises a header that the frame does not hold"},
	DevReady:              {"DEV_READY", "the device is down or gone"},
	DevHdr:                {"DEV_HDR", "the device's own header (vnet_hdr) makes no sense"},
	FullRing:              {"FULL_RING", "the device took no more frames"},
	QdiscDrop:             {"QDISC_DROP", "the device's transmit queue was full"},
	NoMem:                 {"NOMEM", "no buffer could be had"},
	Impaired:              {"IMPAIRED", "the impairment device was asked to lose it"},
	GSOFailed:             {"SKB_GSO_SEG", "a super-segment could not be cut into segments"},
	ARPInvalid:            {"ARP_INVALID", "not an Ethernet/IPv4 ARP request or reply that may be acted on"},
	ARPIgnored:            {"ARP_IGNORED", "an ARP packet that asks nothing of us and changes nothing"},
	NeighFailed:           {"NEIGH_FAILED", "the next hop did not answer ARP"},
	NeighQueueFull:        {"NEIGH_QUEUEFULL", "the queue that waits for the next hop's address was full; the oldest goes"},
	NeighDead:             {"NEIGH_DEAD", "the neighbour entry was removed while the packet waited on it"},
	NeighTableFull:        {"NEIGH_CREATEFAIL", "the neighbour table was full"},
	IPInHdr:               {"IP_INHDR", "the IPv4 header is malformed or longer than the packet"},
	IPCsum:                {"IP_CSUM", "the IPv4 header checksum is wrong"},
	IPInvalidSource:       {"IP_INVALID_SOURCE", "a source address that no host may send from"},
	IPInvalidDest:         {"IP_INVALID_DEST", "a destination address that cannot be received or sent to"},
	IPInNoRoutes:          {"IP_INNOROUTES", "received, but no route leads to its destination"},
	IPOutNoRoutes:         {"IP_OUTNOROUTES", "no route to send it by"},
	IPNoProto:             {"IP_NOPROTO", "no handler and no raw socket for its protocol number"},
	IPOptions:             {"IP_OPTIONS", "a malformed IPv4 option"},
	IPTTLExceeded:         {"IP_TTL_EXCEEDED", "its time to live ran out on the way through us"},
	IPForwardOff:          {"IP_FORWARD_OFF", "not for us, and net.ipv4.ip_forward is 0"},
	PktTooBig:             {"PKT_TOO_BIG", "larger than the MTU and not to be fragmented"},
	DupFrag:               {"DUP_FRAG", "a fragment that was here already"},
	FragOverlap:           {"FRAG_OVERLAP", "fragments overlap: the whole datagram goes"},
	FragInvalid:           {"FRAG_INVALID", "a fragment of impossible length or offset"},
	FragReasmTimeout:      {"FRAG_REASM_TIMEOUT", "the rest of the datagram did not come in time"},
	FragMemLimit:          {"FRAG_MEM_LIMIT", "too much memory in unfinished datagrams"},
	ICMPCsum:              {"ICMP_CSUM", "the ICMP checksum is wrong"},
	ICMPHdr:               {"ICMP_HDR", "an ICMP message cut short or malformed"},
	ICMPIgnored:           {"ICMP_IGNORED", "an ICMP message that is not answered and concerns no socket"},
	ICMPRateLimit:         {"ICMP_RATELIMIT", "an ICMP error held back by the rate limit"},
	ICMPUnknownType:       {"ICMP_UNKNOWN_TYPE", "an ICMP type that is not handled"},
	IGMPCsum:              {"IGMP_CSUM", "the IGMP checksum is wrong"},
	IGMPHdr:               {"IGMP_HDR", "an IGMP message cut short"},
	NoSocket:              {"NO_SOCKET", "no socket for this address and port"},
	SocketRcvBuff:         {"SOCKET_RCVBUFF", "the socket's receive buffer was full"},
	SocketBacklog:         {"SOCKET_BACKLOG", "the socket was busy and its backlog full"},
	SocketFilter:          {"SOCKET_FILTER", "the socket's filter refused it"},
	SocketClose:           {"SOCKET_CLOSE", "the socket was closed"},
	ProtoMem:              {"PROTO_MEM", "the protocol's memory limit was reached"},
	UDPCsum:               {"UDP_CSUM", "the UDP checksum is wrong"},
	UDPHdr:                {"UDP_HDR", "the UDP length does not fit the packet"},
	TCPCsum:               {"TCP_CSUM", "the TCP checksum is wrong"},
	TCPHdr:                {"TCP_HDR", "the TCP header is malformed"},
	TCPFlags:              {"TCP_FLAGS", "these TCP flags mean nothing in this state"},
	TCPOldData:            {"TCP_OLD_DATA", "every byte of it was received before"},
	TCPOverWindow:         {"TCP_OVERWINDOW", "data beyond the receive window"},
	TCPZeroWindow:         {"TCP_ZEROWINDOW", "data while our window is closed"},
	TCPOfoMerge:           {"TCP_OFOMERGE", "out-of-order data that was queued already"},
	TCPOfoDrop:            {"TCP_OFODROP", "no room for out-of-order data"},
	TCPOfoPrune:           {"TCP_OFO_QUEUE_PRUNE", "out-of-order data given up for room"},
	TCPInvalidSequence:    {"TCP_INVALID_SEQUENCE", "sequence number outside the receive window"},
	TCPInvalidSyn:         {"TCP_INVALID_SYN", "a SYN inside a connection: answered by a challenge ACK"},
	TCPInvalidAckSequence: {"TCP_INVALID_ACK_SEQUENCE", "acknowledges what an unfinished handshake did not send"},
	TCPAckUnsentData:      {"TCP_ACK_UNSENT_DATA", "acknowledges data that was not sent"},
	TCPOldAck:             {"TCP_OLD_ACK", "acknowledges less than is acknowledged"},
	TCPTooOldAck:          {"TCP_TOO_OLD_ACK", "acknowledges data from before the largest window"},
	TCPRFC7323PAWS:        {"TCP_RFC7323_PAWS", "its timestamp is older than the last one (PAWS)"},
	TCPRFC7323PAWSAck:     {"TCP_RFC7323_PAWS_ACK", "an acknowledgement that others have overtaken, by its timestamp (PAWS)"},
	TCPRFC7323TSEcr:       {"TCP_RFC7323_TSECR", "it echoes a timestamp that was not sent"},
	TCPReset:              {"TCP_RESET", "a valid RST: it ends the connection"},
	TCPClose:              {"TCP_CLOSE", "the connection is closed"},
	TCPAbortOnData:        {"TCP_ABORT_ON_DATA", "data for a connection whose reader has gone: answered by RST"},
	TCPListenOverflow:     {"TCP_LISTEN_OVERFLOW", "the accept queue was full"},
	TCPReqQFull:           {"TCP_REQQFULL", "the SYN queue was full"},
	TCPTimeWait:           {"TCP_TIMEWAIT", "an old segment for a connection in TIME-WAIT"},
	TCPAuthHdr:            {"TCP_AUTH_HDR", "two signatures, or one of a length that there is not"},
	TCPMD5NotFound:        {"TCP_MD5NOTFOUND", "the socket has an MD5 key for the peer, and the segment no signature"},
	TCPMD5Unexpected:      {"TCP_MD5UNEXPECTED", "an MD5 signature, and no key for the peer"},
	TCPMD5Failure:         {"TCP_MD5FAILURE", "the MD5 signature is wrong"},
	TCPAONotFound:         {"TCP_AONOTFOUND", "the socket wants TCP-AO of the peer, and the segment has none"},
	TCPAOUnexpected:       {"TCP_AOUNEXPECTED", "TCP-AO, and no key on the socket"},
	TCPAOKeyNotFound:      {"TCP_AOKEYNOTFOUND", "TCP-AO with a key that the socket does not have"},
	TCPAOFailure:          {"TCP_AOFAILURE", "the MAC of TCP-AO is wrong"},
	HandlerFull:           {"HANDLER_FULL", "as many connection attempts or flows as the embedder's handler may have, of all or of this source"},
	HandlerBusy:           {"HANDLER_BUSY", "the SYN came again while the embedder's handler decides on the first"},
	HandlerRefused:        {"HANDLER_REFUSED", "the embedder's handler did not want it"},
	HandlerTimeout:        {"HANDLER_TIMEOUT", "the embedder's handler did not decide before the peer had given up"},
	QueuePurge:            {"QUEUE_PURGE", "still queued when its socket, device or stack closed"},
}

// String returns the reason in Linux's spelling, "NO_SOCKET".
func (r Reason) String() string {
	if r >= NumReasons {
		return "UNKNOWN_REASON"
	}
	return reasonTexts[r].name
}

// Text explains the reason in one line.
func (r Reason) Text() string {
	if r >= NumReasons {
		return ""
	}
	return reasonTexts[r].text
}
