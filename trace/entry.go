package trace

import (
	"strconv"
	"strings"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

// Entry is a record in words: what is printed, and sent to another process,
// for which the numbers of a record mean nothing.
type Entry struct {
	Time   clock.Time `json:"time"` // nanoseconds on the stack's clock
	Event  string     `json:"event"`
	Packet uint64     `json:"packet,omitempty"`
	Cause  uint64     `json:"cause,omitempty"` // the packet that made the stack do it
	Dir    string     `json:"dir,omitempty"`   // "rx" or "tx", of packets only
	If     int        `json:"if,omitempty"`
	Sock   uint32     `json:"sock,omitempty"`
	Len    uint32     `json:"len,omitempty"`
	Reason string     `json:"reason,omitempty"` // of drops
	Args   Args       `json:"args,omitempty"`
	Site   string     `json:"site,omitempty"`
	Ref    string     `json:"ref,omitempty"`
}

// Decode puts a record in words.
func Decode(r *Record) Entry {
	info := r.Event.Describe()
	e := Entry{Time: r.Time, Event: r.Event.String(), Packet: r.Packet, Cause: r.Cause, If: int(r.If), Sock: r.Sock,
		Len: r.Len, Site: SiteString(r.Site), Ref: info.Ref, Args: decodeArgs(r)}
	if r.Packet != 0 {
		e.Dir = [...]string{"rx", "tx"}[r.Dir&1]
	}
	if r.Event == StackDrop {
		e.Event = "drop"
		e.Reason = r.Reason.String()
		e.Ref = dropRef(r.Reason, r.Args[2])
	}
	if e.Sock == 0 {
		e.Sock = sockOf(r)
	}
	return e
}

// sockOf finds the socket in the arguments of events that look one up.
func sockOf(r *Record) uint32 {
	switch r.Event {
	case TCPLookup:
		return r.Args[2]
	case UDPLookup, RawClone, RawFilter:
		return r.Args[0]
	}
	return 0
}

// decodeArgs names the arguments as the catalogue does. Fields that hold two
// values become two.
func decodeArgs(r *Record) Args {
	var args Args
	for i, f := range strings.Fields(r.Event.Describe().Fields) {
		args = appendArg(args, r.Event, f, r.Args[i])
	}
	return args
}

func appendArg(args Args, ev Event, field string, v uint32) Args {
	switch field {
	case "ports":
		return append(args, number("sport", v>>16), number("dport", v&0xffff))
	case "local.peer":
		return append(args, number("lport", v>>16), number("pport", v&0xffff))
	case "proto.ttl":
		return append(args, word("proto", protoName(v>>8)), number("ttl", v&0xff))
	case "why.flags.wnd":
		return append(args, word("why", whyName(ev, v>>24)), word("flags", tcpFlags(v>>16&0xff)), number("wnd", v&0xffff))
	case "flags.wnd":
		return append(args, word("flags", tcpFlags(v>>16)), number("wnd", v&0xffff))
	}
	if s := wordOf(ev, field, v); s != "" {
		return append(args, word(field, s))
	}
	return append(args, number(field, v))
}

// wordOf says what the number v of a field is called, "" for plain numbers.
func wordOf(ev Event, field string, v uint32) string {
	switch field {
	case "src", "dst", "ip", "spa", "tpa", "via", "peer", "group":
		return AddrOf(v).String()
	case "csum":
		return csumNames.of(v)
	case "class":
		return classNames.of(v)
	case "op":
		return arpOps.of(v)
	case "proto":
		return protoName(v)
	case "errno":
		return errnoName(v)
	case "events":
		return pollNames(v)
	case "domain":
		return domains.of(v)
	case "which":
		return timerNames.of(v)
	case "what":
		return timerWhats.of(v)
	case "verdict":
		return verdicts[ev].of(v)
	case "type":
		return typeName(ev, v)
	case "why":
		return whyName(ev, v)
	case "old", "new", "state":
		return stateName(ev, v)
	}
	return ""
}

func typeName(ev Event, v uint32) string {
	switch ev.Describe().Layer {
	case LayerICMP:
		return icmpTypes.of(v)
	case LayerIGMP:
		return igmpTypes.of(v)
	case LayerSocket:
		return sockTypes.of(v & 0xf)
	}
	const hex = "0000"
	s := strconv.FormatUint(uint64(v), 16)
	return "0x" + hex[:max(0, len(hex)-len(s))] + s
}

func whyName(ev Event, v uint32) string {
	if ev == SockBlock {
		return pollNames(v)
	}
	return whys[ev].of(v)
}

func stateName(ev Event, v uint32) string {
	switch ev {
	case NeighState:
		return neighState(v)
	case TCPCC:
		return caNames.of(v)
	}
	return tcpStates.of(v)
}

// dropRef is where it is written what becomes of such a packet.
func dropRef(r skb.Reason, proto uint32) string {
	if r == skb.NoSocket && proto == 17 {
		return "RFC 1122 4.1.3.1"
	}
	return dropRefs[r]
}

var dropRefs = map[skb.Reason]string{
	skb.ARPInvalid:            "RFC 826",
	skb.NeighFailed:           "RFC 1122 2.3.2.1",
	skb.NeighQueueFull:        "RFC 1122 2.3.2.2",
	skb.IPInHdr:               "RFC 1122 3.2.1.1",
	skb.IPCsum:                "RFC 1122 3.2.1.2",
	skb.IPInvalidSource:       "RFC 1122 3.2.1.3",
	skb.IPInvalidDest:         "RFC 1122 3.2.1.3",
	skb.IPInNoRoutes:          "RFC 1812 5.2.7.1",
	skb.IPOutNoRoutes:         "RFC 1122 3.3.1",
	skb.IPNoProto:             "RFC 1122 3.2.2.1",
	skb.IPOptions:             "RFC 1122 3.2.1.8",
	skb.IPTTLExceeded:         "RFC 1812 5.3.1",
	skb.IPForwardOff:          "RFC 1122 3.2.1.3",
	skb.PktTooBig:             "RFC 1191 4",
	skb.DupFrag:               "RFC 791 3.2",
	skb.FragOverlap:           "RFC 5722 4",
	skb.FragInvalid:           "RFC 791 3.2",
	skb.FragReasmTimeout:      "RFC 1122 3.3.2",
	skb.ICMPCsum:              "RFC 792",
	skb.ICMPRateLimit:         "RFC 1812 4.3.2.8",
	skb.ICMPUnknownType:       "RFC 1122 3.2.2",
	skb.IGMPCsum:              "RFC 3376 4",
	skb.IGMPHdr:               "RFC 3376 4",
	skb.NoSocket:              "RFC 9293 3.10.7.1",
	skb.UDPCsum:               "RFC 1122 4.1.3.4",
	skb.TCPCsum:               "RFC 9293 3.1",
	skb.TCPFlags:              "RFC 9293 3.10.7.4",
	skb.TCPOldData:            "RFC 9293 3.10.7.4",
	skb.TCPOverWindow:         "RFC 9293 3.10.7.4",
	skb.TCPZeroWindow:         "RFC 9293 3.10.7.4",
	skb.TCPInvalidSequence:    "RFC 9293 3.10.7.4",
	skb.TCPInvalidSyn:         "RFC 5961 4.2",
	skb.TCPInvalidAckSequence: "RFC 9293 3.10.7.4",
	skb.TCPAckUnsentData:      "RFC 9293 3.10.7.4",
	skb.TCPTooOldAck:          "RFC 5961 5.2",
	skb.TCPRFC7323PAWS:        "RFC 7323 5",
	skb.TCPRFC7323PAWSAck:     "RFC 7323 5",
	skb.TCPRFC7323TSEcr:       "RFC 7323 3.2",
	skb.TCPReset:              "RFC 9293 3.5.3",
	skb.TCPAbortOnData:        "RFC 9293 3.6.1",
	skb.TCPReqQFull:           "RFC 4987 3",
	skb.TCPTimeWait:           "RFC 9293 3.10.7.4",
	skb.TCPAuthHdr:            "RFC 5925 2.2",
	skb.TCPMD5NotFound:        "RFC 2385 2.0",
	skb.TCPMD5Unexpected:      "RFC 2385 2.0",
	skb.TCPMD5Failure:         "RFC 2385 2.0",
	skb.TCPAONotFound:         "RFC 5925 7.3",
	skb.TCPAOUnexpected:       "RFC 5925 7.3",
	skb.TCPAOKeyNotFound:      "RFC 5925 7.5",
	skb.TCPAOFailure:          "RFC 5925 7.5",
}
