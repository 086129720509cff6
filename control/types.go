package control

import (
	"net/netip"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/trace"
)

// Link is a device, as ip link and ip addr show it.
type Link struct {
	Index     int            `json:"ifindex"`
	Name      string         `json:"ifname"`
	MAC       string         `json:"address,omitempty"`
	MTU       int            `json:"mtu"`
	Flags     []string       `json:"flags"`
	Up        bool           `json:"up"`
	Err       string         `json:"error,omitempty"` // why the driver stopped
	Addrs     []netip.Prefix `json:"addr_info"`
	RxPackets uint64         `json:"rx_packets"`
	RxBytes   uint64         `json:"rx_bytes"`
	RxDropped uint64         `json:"rx_dropped"`
	TxPackets uint64         `json:"tx_packets"`
	TxBytes   uint64         `json:"tx_bytes"`
	TxDropped uint64         `json:"tx_dropped"`
	TxErrors  uint64         `json:"tx_errors"`
}

// AddrChange adds or takes away an address. Op is add, replace, del or flush;
// replace is add that does not mind if it is there, flush takes all of a
// device's.
type AddrChange struct {
	Op     string       `json:"op"`
	Dev    string       `json:"dev"`
	Prefix netip.Prefix `json:"prefix"`
}

// Route is a line of ip route.
type Route struct {
	Dst    netip.Prefix `json:"dst"`
	Via    *netip.Addr  `json:"gateway,omitempty"`
	Dev    string       `json:"dev,omitempty"`
	Src    *netip.Addr  `json:"prefsrc,omitempty"`
	Metric int          `json:"metric,omitempty"`
	Kernel bool         `json:"kernel,omitempty"` // it came with an address
}

// RouteChange adds or removes a route. Op is add, replace, del or flush;
// replace takes the place of those to the same network with the same metric,
// flush removes all that did not come with an address, of Dev if it is given.
type RouteChange struct {
	Op string `json:"op"`
	Route
}

// Neighbour is a line of ip neigh.
type Neighbour struct {
	IP      netip.Addr    `json:"dst"`
	Dev     string        `json:"dev"`
	MAC     string        `json:"lladdr,omitempty"`
	State   string        `json:"state"`
	Used    time.Duration `json:"used"`    // ago
	Updated time.Duration `json:"updated"` // ago
	Held    int           `json:"held,omitempty"`
}

// NeighbourChange adds or removes a neighbour. Op is add, replace, del or
// flush; flush removes all that are not permanent, of Dev if it is given.
type NeighbourChange struct {
	Op  string     `json:"op"`
	IP  netip.Addr `json:"dst"`
	Dev string     `json:"dev"`
	MAC string     `json:"lladdr,omitempty"`
}

// Setting is a sysctl and its value.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Counter is a line of nstat.
type Counter struct {
	Group string `json:"group"`
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// Socket is an entry of ss.
type Socket struct {
	Proto  string         `json:"proto"` // tcp, udp, raw, p_raw or p_dgr
	State  string         `json:"state"` // ss's spelling: ESTAB, LISTEN, UNCONN
	RecvQ  int            `json:"recv_q"`
	SendQ  int            `json:"send_q"`
	Local  netip.AddrPort `json:"local"`
	Peer   netip.AddrPort `json:"peer"`
	Link   string         `json:"link,omitempty"`   // of packet sockets, in Local's place: protocol and device
	Number uint32         `json:"number,omitempty"` // of traces; 0 for small entries
	Mem    *Mem           `json:"mem,omitempty"`
	TCP    *TCPInfo       `json:"tcp,omitempty"`
}

// Mem is what ss -m shows, in bytes.
type Mem struct {
	RmemAlloc int `json:"rmem_alloc"`
	RcvBuf    int `json:"rcv_buf"`
	WmemAlloc int `json:"wmem_alloc"`
	SndBuf    int `json:"snd_buf"`
}

// TraceRequest is what to watch.
type TraceRequest struct {
	Filter string `json:"filter"`          // see trace.ParseFilter
	Coarse bool   `json:"coarse"`          // read the clock once a packet
	Flight bool   `json:"flight"`          // tell what the flight recorder has, and end
	Size   int    `json:"size,omitempty"`  // records of the ring
	Every  int    `json:"every,omitempty"` // milliseconds between answers; 0: 100
}

// TraceBatch is what happened since the last one.
type TraceBatch struct {
	Entries []trace.Entry `json:"entries,omitempty"`
	Lost    uint64        `json:"lost,omitempty"` // records overwritten before they were read
	// What the clock of the entries says, and the time of day.
	Now  clock.Time     `json:"now"`
	Wall time.Time      `json:"wall"`
	Devs map[int]string `json:"devs,omitempty"`
}

// Why is what went wrong.
type Why struct {
	Findings []trace.Finding `json:"findings"`
	Now      clock.Time      `json:"now"`
	Wall     time.Time       `json:"wall"`
}

// Status says who is there.
type Status struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
}

// PingRequest is a run of ping.
type PingRequest struct {
	Dst      netip.Addr    `json:"dst"`
	Src      netip.Addr    `json:"src"`      // the zero Addr: the route chooses
	Count    int           `json:"count"`    // 0: until the client leaves
	Interval time.Duration `json:"interval"` // between requests
	Timeout  time.Duration `json:"timeout"`  // for the last replies, 0: twice the longest round trip, or 10 s
	Size     int           `json:"size"`     // bytes of data
	TTL      int           `json:"ttl"`      // 0: the stack's default
	TOS      int           `json:"tos"`
	DF       bool          `json:"df"`
}

// PingEvent is one thing that happened in a run of ping.
type PingEvent struct {
	Kind  string        `json:"kind"` // sent, reply, error (an ICMP message), failed (could not be sent)
	Seq   int           `json:"seq"`
	From  netip.Addr    `json:"from"`
	Bytes int           `json:"bytes,omitempty"` // ICMP header and data
	TTL   int           `json:"ttl,omitempty"`
	RTT   time.Duration `json:"rtt,omitempty"`
	Dup   bool          `json:"dup,omitempty"`
	Type  int           `json:"type,omitempty"` // of an ICMP error
	Code  int           `json:"code,omitempty"`
	MTU   int           `json:"mtu,omitempty"`
	Error string        `json:"error,omitempty"`
}

// StreamRequest opens a connection or a listener of the stack.
type StreamRequest struct {
	Network string        `json:"network"` // tcp or udp
	Address string        `json:"address"`
	Local   string        `json:"local,omitempty"`   // to connect from, "": any
	Timeout time.Duration `json:"timeout,omitempty"` // to connect, 0: TCP's own
}

// AcceptRequest takes a connection that came by a listener.
type AcceptRequest struct {
	Token string `json:"token"`
}
