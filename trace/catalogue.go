package trace

// Event is one kind of thing that can be watched.
type Event uint8

// Layer is where it happens.
type Layer uint8

// Layers, bottom up.
const (
	LayerLink Layer = iota
	LayerNeigh
	LayerIPv4
	LayerICMP
	LayerIGMP
	LayerRaw
	LayerPacket
	LayerUDP
	LayerTCP
	LayerSocket
	LayerStack
	numLayers
)

var layerNames = [numLayers]string{"link", "neigh", "ipv4", "icmp", "igmp", "raw", "packet", "udp", "tcp", "socket", "stack"}

func (l Layer) String() string { return layerNames[l] }

// The events. catalogue below is the one place that describes them.
const (
	LinkRx Event = iota
	LinkTx
	LinkTxFull
	LinkDemux
	LinkBridge

	ARPRx
	ARPTx
	NeighState
	NeighHold
	NeighRelease
	NeighFail

	IPv4Rx
	IPv4FragHold
	IPv4FragDone
	IPv4FragTimeout
	IPv4Route
	IPv4Local
	IPv4Forward
	IPv4Tx
	IPv4FragTx
	IPv4PMTU

	ICMPRx
	ICMPTx
	ICMPError
	ICMPRateLimit

	IGMPRx
	IGMPTx

	RawLookup
	RawClone
	RawFilter
	RawDeliver
	RawTx

	PacketLookup
	PacketFilter
	PacketClone
	PacketDeliver
	PacketTx

	UDPRx
	UDPLookup
	UDPDeliver
	UDPTx

	TCPRx
	TCPLookup
	TCPSeqCheck
	TCPOptions
	TCPAck
	TCPSack
	TCPData
	TCPDeliver
	TCPTx
	TCPRtx
	TCPRstTx
	TCPRstRx
	TCPState
	TCPRTT
	TCPCC
	TCPWindow
	TCPTimer
	TCPUndo
	TCPPace
	TCPListen
	TCPMetrics
	TCPMemory
	TCPAuth

	SockCall
	SockReturn
	SockOpen
	SockBind
	SockListen
	SockAccept
	SockConnect
	SockRead
	SockWrite
	SockClose
	SockWake
	SockBlock
	SockError

	StackPoll
	StackPoolEmpty
	StackDrop

	// NumEvents is how many there are.
	NumEvents
)

// Info describes an event. Fields name the record's arguments in order; a
// field named "src", "dst", "ip" or the like holds an IPv4 address, "ports"
// holds source<<16|destination, "local.peer" the ports of a connection.
type Info struct {
	Layer  Layer
	Name   string
	Fields string
	Ref    string // RFC and section, or the Linux function that it corresponds to
	kind   kind
}

// kind sets an event apart from those of packets that come in.
type kind uint8

const (
	slow kind = iota + 1 // kept by the flight recorder, whether tracing is on or off
	sent                 // of a packet that leaves
)

// Slow reports whether the flight recorder keeps the event.
func (i *Info) Slow() bool { return i.kind == slow }

var catalogue = [NumEvents]Info{
	LinkRx:     {LayerLink, "rx", "if len csum gso", "netif_receive_skb", 0},
	LinkTx:     {LayerLink, "tx", "if len csum gso", "net_dev_queue", sent},
	LinkTxFull: {LayerLink, "tx.full", "if queued", "QDISC_DROP", slow},
	LinkDemux:  {LayerLink, "demux", "type class", "RFC 894", 0},
	LinkBridge: {LayerLink, "bridge", "if len", "br_forward", 0},

	ARPRx:        {LayerNeigh, "arp.rx", "op spa tpa", "RFC 826", 0},
	ARPTx:        {LayerNeigh, "arp.tx", "op spa tpa", "RFC 826", sent},
	NeighState:   {LayerNeigh, "state", "ip old new why", "RFC 4861 7.3.2", 0},
	NeighHold:    {LayerNeigh, "hold", "ip packets bytes", "RFC 1122 2.3.2.2", 0},
	NeighRelease: {LayerNeigh, "release", "ip packets", "RFC 1122 2.3.2.2", 0},
	NeighFail:    {LayerNeigh, "fail", "ip packets", "neigh_invalidate", slow},

	IPv4Rx:          {LayerIPv4, "rx", "src dst proto.ttl id", "RFC 791 3.1", 0},
	IPv4FragHold:    {LayerIPv4, "frag.hold", "src id offset len", "RFC 791 3.2", 0},
	IPv4FragDone:    {LayerIPv4, "frag.done", "src id len", "RFC 791 3.2", 0},
	IPv4FragTimeout: {LayerIPv4, "frag.timeout", "src id missing.from missing.to", "RFC 1122 3.3.2", slow},
	IPv4Route:       {LayerIPv4, "route", "dst via if src", "fib_table_lookup", 0},
	IPv4Local:       {LayerIPv4, "local", "proto len", "ip_local_deliver", 0},
	IPv4Forward:     {LayerIPv4, "forward", "dst via if ttl", "RFC 1812 5.2.1", 0},
	IPv4Tx:          {LayerIPv4, "tx", "src dst proto.ttl len", "ip_output", sent},
	IPv4FragTx:      {LayerIPv4, "frag.tx", "id n mtu", "RFC 791 2.3", sent},
	IPv4PMTU:        {LayerIPv4, "pmtu", "dst mtu", "RFC 1191 6.3", slow},

	ICMPRx:        {LayerICMP, "rx", "type code src", "RFC 792", 0},
	ICMPTx:        {LayerICMP, "tx", "type code dst", "RFC 792", sent},
	ICMPError:     {LayerICMP, "error", "type code errno src", "RFC 1122 3.2.2", 0},
	ICMPRateLimit: {LayerICMP, "ratelimit", "type code dst", "RFC 1812 4.3.2.8", 0},

	IGMPRx: {LayerIGMP, "rx", "type group src", "RFC 3376 4", 0},
	IGMPTx: {LayerIGMP, "tx", "type group dst len", "RFC 3376 4", sent},

	RawLookup:  {LayerRaw, "lookup", "proto n", "raw_local_deliver", 0},
	RawClone:   {LayerRaw, "clone", "sock", "raw_v4_input", 0},
	RawFilter:  {LayerRaw, "filter", "sock verdict", "raw(7)", 0},
	RawDeliver: {LayerRaw, "deliver", "queued", "raw_rcv", 0},
	RawTx:      {LayerRaw, "tx", "dst proto hdrincl", "raw_sendmsg", sent},

	PacketLookup:  {LayerPacket, "lookup", "type class n", "deliver_ptype_list_skb", 0},
	PacketFilter:  {LayerPacket, "filter", "sock keep", "run_filter", 0},
	PacketClone:   {LayerPacket, "clone", "sock", "packet_rcv", 0},
	PacketDeliver: {LayerPacket, "deliver", "sock queued", "packet_rcv", 0},
	PacketTx:      {LayerPacket, "tx", "sock type len", "packet_snd", sent},

	UDPRx:      {LayerUDP, "rx", "src dst ports len", "RFC 768", 0},
	UDPLookup:  {LayerUDP, "lookup", "sock port", "__udp4_lib_lookup", 0},
	UDPDeliver: {LayerUDP, "deliver", "queued", "udp_queue_rcv_skb", 0},
	UDPTx:      {LayerUDP, "tx", "src dst ports len", "RFC 768", sent},

	TCPRx:       {LayerTCP, "rx", "seq ack flags.wnd ports", "RFC 9293 3.1", 0},
	TCPLookup:   {LayerTCP, "lookup", "verdict ports sock", "RFC 9293 3.10.7", 0},
	TCPSeqCheck: {LayerTCP, "seqcheck", "verdict seq rcv.nxt rcv.wnd", "RFC 9293 3.10.7.4", 0},
	TCPOptions:  {LayerTCP, "options", "tsval tsecr blocks", "RFC 7323 3", 0},
	TCPAck:      {LayerTCP, "ack", "verdict ack una acked", "RFC 9293 3.10.7.4", 0},
	TCPSack:     {LayerTCP, "sack", "delivered sacked lost", "RFC 6675 4", 0},
	TCPData:     {LayerTCP, "data", "verdict seq len", "RFC 9293 3.10.7.4", 0},
	TCPDeliver:  {LayerTCP, "deliver", "bytes queued", "RFC 9293 3.10.7.4", 0},
	TCPTx:       {LayerTCP, "tx", "why.flags.wnd seq ack ports", "RFC 9293 3.7", sent},
	TCPRtx:      {LayerTCP, "rtx", "why seq n", "RFC 6298 5", slow},
	TCPRstTx:    {LayerTCP, "rst.tx", "why seq local.peer", "RFC 9293 3.5.2", slow},
	TCPRstRx:    {LayerTCP, "rst.rx", "verdict seq local.peer", "RFC 9293 3.5.3", slow},
	TCPState:    {LayerTCP, "state", "old new peer local.peer", "RFC 9293 3.3.2", slow},
	TCPRTT:      {LayerTCP, "rtt", "sample.us srtt.us var.us rto.us", "RFC 6298 2", 0},
	TCPCC:       {LayerTCP, "cc", "state cwnd ssthresh inflight", "RFC 5681", 0},
	TCPWindow:   {LayerTCP, "window", "verdict wnd", "RFC 9293 3.8.6", 0},
	TCPTimer:    {LayerTCP, "timer", "which what in.us", "RFC 6298 5", slow},
	TCPUndo:     {LayerTCP, "undo", "why cwnd ssthresh", "RFC 4015", slow},
	TCPPace:     {LayerTCP, "pace", "rate wait.us", "tcp_pacing_check", 0},
	TCPListen:   {LayerTCP, "listen", "verdict synq acceptq backlog", "RFC 9293 3.10.7.2", 0},
	TCPAuth:     {LayerTCP, "auth", "verdict kind keyid", "RFC 5925 7.5", 0},
	TCPMemory:   {LayerTCP, "memory", "verdict pages sockets orphans", "tcp_enter_memory_pressure", 0},
	TCPMetrics:  {LayerTCP, "metrics", "verdict srtt.us ssthresh reordering", "RFC 9040 3.1", 0},

	SockCall:    {LayerSocket, "call", "", "SYSCALL_DEFINE", 0},
	SockReturn:  {LayerSocket, "return", "", "syscall_exit", 0},
	SockOpen:    {LayerSocket, "open", "domain type proto", "socket(2)", 0},
	SockBind:    {LayerSocket, "bind", "ip port", "bind(2)", 0},
	SockListen:  {LayerSocket, "listen", "backlog", "listen(2)", 0},
	SockAccept:  {LayerSocket, "accept", "child ip port", "accept(2)", 0},
	SockConnect: {LayerSocket, "connect", "ip port", "connect(2)", 0},
	SockRead:    {LayerSocket, "read", "len", "recv(2)", 0},
	SockWrite:   {LayerSocket, "write", "len", "send(2)", 0},
	SockClose:   {LayerSocket, "close", "", "close(2)", 0},
	SockWake:    {LayerSocket, "wake", "events", "sk_data_ready", 0},
	SockBlock:   {LayerSocket, "block", "why", "sk_wait_event", 0},
	SockError:   {LayerSocket, "error", "errno", "socket(7) SO_ERROR", 0},

	StackPoll:      {LayerStack, "poll", "if batch", "napi_poll", 0},
	StackPoolEmpty: {LayerStack, "pool.empty", "size", "NOMEM", slow},
	StackDrop:      {LayerStack, "drop", "src dst proto ports", "kfree_skb", slow},
}

// Describe returns what the catalogue says of an event.
func (e Event) Describe() *Info { return &catalogue[e] }

// String returns the event's name with its layer, "tcp.rx".
func (e Event) String() string {
	i := &catalogue[e]
	return i.Layer.String() + "." + i.Name
}
