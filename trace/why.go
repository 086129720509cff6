package trace

import (
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

// Why something went wrong, after the fact: the flight recorder's events,
// those of one kind with one peer and port gathered into one finding, with a
// sentence that says what it means. What the sentence needs beyond the events
// comes from the stack as it is now.

// Knowledge is what explanations ask the stack.
type Knowledge interface {
	// Listening returns the ports on which sockets of a protocol wait, 6 for
	// TCP and 17 for UDP, in ascending order.
	Listening(proto uint8) []uint16
	// SocketPeer returns the peer of a socket that still exists.
	SocketPeer(sock uint32) (netip.AddrPort, bool)
}

// Finding is one kind of trouble with one peer.
type Finding struct {
	First, Last clock.Time
	Packet      uint64 // the first packet it happened to, 0 if it was none
	Sock        uint32
	Layer       string
	What        string // a drop reason, or an event and its cause
	Peer        netip.Addr
	Port        uint16 // ours, where a port matters
	Count       int
	Text        string
}

// Explain gathers the flight recorder's records into findings, the oldest
// first. With a valid peer only its own are returned. k may be nil.
func Explain(recs []Record, k Knowledge, peer netip.Addr) []Finding {
	x := explainer{k: k, peers: map[uint32]netip.AddrPort{}, closedIn: map[uint32]string{}, found: map[findingKey]*finding{}}
	for i := range recs {
		x.learn(&recs[i])
	}
	for i := range recs {
		x.add(&recs[i])
	}
	var all []Finding
	for _, f := range x.list {
		f.Text = f.explain(&x, f)
		if !peer.IsValid() || f.Peer == peer {
			all = append(all, f.Finding)
		}
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].First < all[j].First })
	return all
}

type findingKey struct {
	layer, what string
	peer        netip.Addr
	port, other uint16
	sock        uint32
}

type finding struct {
	Finding
	last     Record
	peerPort uint16
	explain  func(x *explainer, f *finding) string
}

type explainer struct {
	k        Knowledge
	peers    map[uint32]netip.AddrPort
	closedIn map[uint32]string // the state that a connection was in before CLOSE
	found    map[findingKey]*finding
	list     []*finding
}

// learn notes the names of connections, those that are gone as well, from their
// changes of state.
func (x *explainer) learn(r *Record) {
	if r.Event != TCPState {
		return
	}
	if r.Args[2] != 0 {
		x.peers[r.Sock] = netip.AddrPortFrom(AddrOf(r.Args[2]), uint16(r.Args[3]))
	}
	if tcpStates.of(r.Args[1]) == "CLOSE" {
		x.closedIn[r.Sock] = tcpStates.of(r.Args[0])
	}
}

func (x *explainer) peerOf(sock uint32) netip.AddrPort {
	if p, ok := x.peers[sock]; ok {
		return p
	}
	if x.k != nil {
		if p, ok := x.k.SocketPeer(sock); ok {
			return p
		}
	}
	return netip.AddrPort{}
}

// add files a record under the finding that it belongs to.
func (x *explainer) add(r *Record) {
	if r.Reason == skb.FragReasmTimeout {
		x.fragment(r)
		return
	}
	f, ok := x.classify(r)
	if !ok {
		return
	}
	key := findingKey{f.Layer, f.What, f.Peer, f.Port, f.peerPort, 0}
	if !f.Peer.IsValid() {
		key.sock = f.Sock
	}
	old := x.found[key]
	if old == nil {
		f.First = r.Time
		f.Packet = max(r.Packet, r.Cause)
		x.found[key] = &f
		x.list = append(x.list, &f)
		old = &f
	}
	old.Last, old.last = r.Time, *r
	old.Count++
}

// fragment gives the finding of a timeout the first packet that died of it.
func (x *explainer) fragment(r *Record) {
	f := x.found[findingKey{layer: "ipv4", what: r.Reason.String(), peer: AddrOf(r.Args[0])}]
	if f != nil && f.Packet == 0 {
		f.Packet = r.Packet
	}
}

// classify says what kind of trouble a record is; false for none.
func (x *explainer) classify(r *Record) (finding, bool) {
	switch r.Event {
	case StackDrop:
		return x.drop(r)
	case NeighFail:
		return finding{Finding: Finding{Layer: "neigh", What: "no answer to ARP", Peer: AddrOf(r.Args[0])}, explain: explainNeighbour}, true
	case IPv4FragTimeout:
		return finding{Finding: Finding{Layer: "ipv4", What: skb.FragReasmTimeout.String(), Peer: AddrOf(r.Args[0])}, explain: explainFragments}, true
	case IPv4PMTU:
		return finding{Finding: Finding{Layer: "ipv4", What: "path MTU", Peer: AddrOf(r.Args[0])}, explain: explainPMTU}, true
	case TCPRtx:
		return x.socket(r, "rtx "+rtxWhys.of(r.Args[0]), explainRetransmit), true
	case TCPRstTx:
		return x.socket(r, "rst sent, "+whys[TCPRstTx].of(r.Args[0]), explainResetSent), r.Sock != 0
	case TCPRstRx:
		return x.socket(r, "rst received", explainResetReceived), true
	case TCPUndo:
		return x.socket(r, "undo "+rtxWhys.of(r.Args[0]), explainUndo), true
	case LinkTxFull:
		return finding{Finding: Finding{Layer: "link", What: "transmit queue full", Port: uint16(r.Args[0])}, explain: explainTxFull}, true
	case StackPoolEmpty:
		return finding{Finding: Finding{Layer: "stack", What: "no buffer"}, explain: explainPool}, true
	}
	return finding{}, false
}

// drop files a dead packet under its reason, its peer and our port.
func (x *explainer) drop(r *Record) (finding, bool) {
	if benign[r.Reason] {
		return finding{}, false
	}
	f := finding{Finding: Finding{Layer: dropLayer(r), What: r.Reason.String()}, explain: explainDrop}
	peer, port := r.Args[0], uint16(r.Args[3])
	if r.Dir == Sent {
		peer, port = r.Args[1], uint16(r.Args[3]>>16)
	}
	if peer != 0 {
		f.Peer = AddrOf(peer)
	}
	if p := r.Args[2]; portMatters[r.Reason] && (p == 6 || p == 17) {
		f.Port = port
	}
	return f, true
}

// benign are drops that are no trouble, or that another event tells better.
var benign = map[skb.Reason]bool{
	skb.OtherHost:         true,
	skb.QueuePurge:        true,
	skb.SocketClose:       true,
	skb.TCPReset:          true, // tcp.rst.rx
	skb.TCPOldAck:         true,
	skb.TCPRFC7323PAWSAck: true,
	skb.TCPClose:          true, // the last ACK, and what crosses it
	skb.ARPIgnored:        true,
	skb.Impaired:          true,
}

// portMatters are the reasons for which our port is part of the answer.
var portMatters = map[skb.Reason]bool{
	skb.NoSocket: true, skb.SocketRcvBuff: true, skb.SocketBacklog: true, skb.SocketFilter: true,
	skb.TCPListenOverflow: true, skb.TCPReqQFull: true,
}

// dropLayer is the layer that a drop belongs to: that of the reason, or of the
// packet's protocol for those that several share.
func dropLayer(r *Record) string {
	switch {
	case r.Reason <= skb.GSOFailed:
		return "link"
	case r.Reason <= skb.NeighTableFull:
		return "neigh"
	case r.Reason <= skb.FragMemLimit:
		return "ipv4"
	case r.Reason <= skb.ICMPUnknownType:
		return "icmp"
	case r.Reason <= skb.IGMPHdr:
		return "igmp"
	case r.Reason <= skb.ProtoMem:
		return protoName(r.Args[2])
	case r.Reason <= skb.UDPHdr:
		return "udp"
	case r.Reason <= skb.TCPTimeWait:
		return "tcp"
	}
	return "stack"
}

// socket files an event of a connection.
func (x *explainer) socket(r *Record, what string, explain func(*explainer, *finding) string) finding {
	peer := x.peerOf(r.Sock)
	return finding{Finding: Finding{Layer: "tcp", What: what, Sock: r.Sock, Peer: peer.Addr()}, peerPort: peer.Port(), explain: explain}
}

// Line writes a finding in one line; at says what time of day an instant was.
func (f *Finding) Line(at func(clock.Time) time.Time) string {
	who := ""
	switch {
	case f.Packet != 0:
		who = fmt.Sprintf("pkt %d", f.Packet)
	case f.Sock != 0:
		who = fmt.Sprintf("#%d", f.Sock)
	}
	line := fmt.Sprintf("%s %-7s %-5s %-20s %-4s %s", at(f.First).Format("15:04:05.0"), who, f.Layer, f.What, fmt.Sprintf("x%d", f.Count), f.Text)
	return strings.TrimRight(line, " ")
}
