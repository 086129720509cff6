package trace

import (
	"strconv"
	"strings"
	"syscall"
)

// What the numbers in a record's arguments are called. The lists follow the
// constants of the layers that record them; a layer's numbers that grow past a
// list are shown as numbers.

// names is a list by number; an empty name is a number that is not used.
type names []string

func (n names) of(v uint32) string {
	if int64(v) < int64(len(n)) && n[v] != "" {
		return n[v]
	}
	return strconv.FormatUint(uint64(v), 10)
}

var (
	csumNames  = names{"none", "ok", "partial"}
	classNames = names{"host", "broadcast", "multicast", "otherhost", "outgoing"}
	arpOps     = names{1: "request", 2: "reply"}
	timerNames = names{"none", "rto", "tlp", "reorder", 100: "probe"}
	timerWhats = names{"fire", "arm", "cancel"}
	caNames    = names{"open", "disorder", "cwr", "recovery", "loss"}
	sockTypes  = names{1: "stream", 2: "dgram", 3: "raw"}
	domains    = names{2: "inet", 17: "packet"}
	rtxWhys    = names{1: "syn", "rto", "fast", "rack", "tlp", "pmtu", "ecn", "reneging", "acked", "dsack", "eifel", "frto", "reorder"}
	tcpStates  = names{1: "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
		"CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV"}
	icmpTypes = names{0: "echo-reply", 3: "unreachable", 4: "source-quench", 5: "redirect", 8: "echo", 9: "router-advertisement",
		10: "router-solicitation", 11: "time-exceeded", 12: "parameter-problem", 13: "timestamp", 14: "timestamp-reply"}
)

// igmpTypes are IGMP's message types.
var igmpTypes = names{0x11: "query", 0x12: "report-v1", 0x16: "report-v2", 0x17: "leave", 0x22: "report-v3"}

// whys are the causes that events name in their field why.
var whys = map[Event]names{
	NeighState: {"packet", "heard", "timer", "confirmed", "user"},
	TCPTx:      {1: "data", "ack", "syn", "fin", "probe", "rtx"},
	TCPRtx:     rtxWhys,
	TCPUndo:    rtxWhys,
	TCPRstTx:   {"no-socket", "unread", "linger", "orphan", "timeout", "abort", "listener", "memory"},
}

// verdicts are what events name in their field verdict.
var verdicts = map[Event]names{
	TCPLookup:   {"MISS", "connection", "listener", "handler"},
	TCPSeqCheck: {"outside", "inside"},
	TCPAck:      {"old", "dup", "new", "future"},
	TCPData:     {"in-order", "out-of-order", "dup", "beyond", "no-room"},
	TCPRstRx:    {"ignored", "accepted"},
	TCPWindow:   {"closed", "open", "peer-closed"},
	TCPListen:   {"queued", "cookie"},
	TCPMetrics:  {"used", "saved"},
	TCPMemory:   {"pressure", "relief", "refused"},
	TCPAuth:     {"good", "missing", "unexpected", "no-key", "wrong", "malformed"},
	RawFilter:   {"drop", "pass"},
}

// neighStates are bits (NUD_*).
var neighStates = map[uint32]string{0: "NONE", 1: "INCOMPLETE", 2: "REACHABLE", 4: "STALE", 8: "DELAY",
	0x10: "PROBE", 0x20: "FAILED", 0x40: "NOARP", 0x80: "PERMANENT"}

func neighState(v uint32) string {
	if s, ok := neighStates[v]; ok {
		return s
	}
	return strconv.FormatUint(uint64(v), 10)
}

var protoNames = map[uint32]string{0: "ip", 1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 255: "raw"}

func protoName(v uint32) string {
	if s, ok := protoNames[v]; ok {
		return s
	}
	return strconv.FormatUint(uint64(v), 10)
}

// tcpFlags writes the control bits as tcpdump does, "[S.]".
func tcpFlags(v uint32) string {
	const letters = "FSRP.UEW"
	s := make([]byte, 0, 10)
	s = append(s, '[')
	for _, bit := range []int{1, 0, 2, 3, 5, 6, 7, 4} {
		if v&(1<<bit) != 0 {
			s = append(s, letters[bit])
		}
	}
	if len(s) == 1 {
		return "[none]"
	}
	return string(append(s, ']'))
}

// pollBits are the events of poll(2).
var pollBits = []struct {
	bit  uint32
	name string
}{{1, "in"}, {2, "pri"}, {4, "out"}, {8, "err"}, {0x10, "hup"}, {0x2000, "rdhup"}}

func pollNames(v uint32) string {
	var s []string
	for _, p := range pollBits {
		if v&p.bit != 0 {
			s = append(s, p.name)
		}
	}
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, "|")
}

// errnoNames are the errors that a network stack gives.
var errnoNames = map[syscall.Errno]string{
	syscall.EACCES: "EACCES", syscall.EADDRINUSE: "EADDRINUSE", syscall.EADDRNOTAVAIL: "EADDRNOTAVAIL",
	syscall.EAGAIN: "EAGAIN", syscall.ECONNABORTED: "ECONNABORTED", syscall.ECONNREFUSED: "ECONNREFUSED",
	syscall.ECONNRESET: "ECONNRESET", syscall.EHOSTDOWN: "EHOSTDOWN", syscall.EHOSTUNREACH: "EHOSTUNREACH",
	syscall.EINVAL: "EINVAL", syscall.EMSGSIZE: "EMSGSIZE", syscall.ENETDOWN: "ENETDOWN",
	syscall.ENETUNREACH: "ENETUNREACH", syscall.ENOBUFS: "ENOBUFS", syscall.ENOPROTOOPT: "ENOPROTOOPT",
	syscall.EOPNOTSUPP: "EOPNOTSUPP", syscall.EPIPE: "EPIPE", syscall.EPROTO: "EPROTO", syscall.ETIMEDOUT: "ETIMEDOUT",
}

func errnoName(v uint32) string {
	if s, ok := errnoNames[syscall.Errno(v)]; ok {
		return s
	}
	return strconv.FormatUint(uint64(v), 10)
}
