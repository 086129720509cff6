package trace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slankdev/ministack/skb"
)

// The sentences of why, one function a kind of trouble.

// explainDrop explains a drop: by what the stack knows where there is more to
// say, else by the reason's own sentence.
func explainDrop(x *explainer, f *finding) string {
	r := &f.last
	switch r.Reason {
	case skb.NoSocket:
		return explainNoSocket(x, f)
	case skb.NeighFailed, skb.NeighQueueFull:
		return r.Reason.Text() + nextHop(f)
	case skb.IPOutNoRoutes, skb.IPInNoRoutes:
		return "no route to " + AddrOf(r.Args[1]).String()
	case skb.IPForwardOff:
		return fmt.Sprintf("for %s, which is not ours, and net.ipv4.ip_forward is 0", AddrOf(r.Args[1]))
	case skb.IPNoProto:
		return fmt.Sprintf("nobody handles IP protocol %s", protoName(r.Args[2]))
	}
	if f.Port != 0 {
		return fmt.Sprintf(":%d, %s", f.Port, r.Reason.Text())
	}
	return r.Reason.Text()
}

func nextHop(f *finding) string {
	if !f.Peer.IsValid() {
		return ""
	}
	return " (towards " + f.Peer.String() + ")"
}

// explainNoSocket names the ports that somebody does listen on, the nearest
// first: the wrong port is the usual mistake.
func explainNoSocket(x *explainer, f *finding) string {
	if f.last.Args[2] == 1 {
		return "no socket waits for this echo reply"
	}
	if x.k == nil || f.Port == 0 {
		return f.last.Reason.Text()
	}
	ports := x.k.Listening(uint8(f.last.Args[2]))
	if slices.Contains(ports, f.Port) {
		return fmt.Sprintf("nothing listened on :%d then; now a socket does", f.Port)
	}
	s := fmt.Sprintf("nothing listens on :%d", f.Port)
	if near := nearest(ports, f.Port); near != "" {
		s += " (" + near + ")"
	}
	return s
}

// nearest names up to three ports by their distance from port.
func nearest(ports []uint16, port uint16) string {
	ports = slices.Clone(ports)
	slices.SortStableFunc(ports, func(a, b uint16) int { return distance(a, port) - distance(b, port) })
	if len(ports) > 3 {
		ports = ports[:3]
	}
	var s []string
	for _, p := range ports {
		s = append(s, fmt.Sprintf(":%d", p))
	}
	switch len(s) {
	case 0:
		return ""
	case 1:
		return s[0] + " does"
	}
	return strings.Join(s[:len(s)-1], ", ") + " and " + s[len(s)-1] + " do"
}

func distance(a, b uint16) int {
	if a > b {
		return int(a) - int(b)
	}
	return int(b) - int(a)
}

func explainNeighbour(_ *explainer, f *finding) string {
	s := fmt.Sprintf("%s did not answer ARP", f.Peer)
	switch n := f.last.Args[1]; n {
	case 0:
	case 1:
		s += "; a packet that waited for it was dropped"
	default:
		s += fmt.Sprintf("; %d packets that waited for it were dropped", n)
	}
	return s
}

// explainFragments names what was missing of the last datagram.
func explainFragments(_ *explainer, f *finding) string {
	id, from, to := f.last.Args[1], f.last.Args[2], f.last.Args[3]
	if to < from {
		return fmt.Sprintf("id %d missing %d and on", id, from)
	}
	return fmt.Sprintf("id %d missing %d-%d", id, from, to)
}

func explainPMTU(_ *explainer, f *finding) string {
	return fmt.Sprintf("the path MTU to %s is %d now", f.Peer, f.last.Args[1])
}

func explainRetransmit(x *explainer, f *finding) string {
	peer := x.peerOf(f.Sock).String()
	switch rtxWhys.of(f.last.Args[0]) {
	case "syn":
		return "no answer to our SYN from " + peer
	case "rto":
		return "no acknowledgement from " + peer + " for a whole retransmission timeout"
	case "tlp":
		return "the end of a flight to " + peer + " went unacknowledged: probed"
	}
	return "segments to " + peer + " were lost on the way"
}

func explainResetSent(x *explainer, f *finding) string {
	texts := names{"no socket", "the user closed it with data unread", "the user closed it with SO_LINGER 0",
		"data came for a connection that nobody reads any more", "the peer did not answer any more", "the user aborted it",
		"its listener was closed"}
	return "connection with " + x.peerOf(f.Sock).String() + " reset by us: " + texts.of(f.last.Args[0])
}

func explainResetReceived(x *explainer, f *finding) string {
	peer := x.peerOf(f.Sock)
	if f.last.Args[0] == 0 {
		return "a reset that does not fit the connection was ignored"
	}
	if x.closedIn[f.Sock] == "SYN_SENT" {
		return peer.String() + " refused the connection: nothing listens there"
	}
	return peer.String() + " reset the connection"
}

func explainUndo(x *explainer, f *finding) string {
	return "nothing was lost after all: packets to " + x.peerOf(f.Sock).String() + " came late or out of order"
}

func explainTxFull(_ *explainer, f *finding) string {
	return fmt.Sprintf("device %d takes frames more slowly than they are sent; %d were queued", f.Port, f.last.Args[1])
}

func explainPool(*explainer, *finding) string { return "a buffer could not be had" }
