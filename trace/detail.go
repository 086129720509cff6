package trace

import (
	"fmt"
	"strconv"
	"strings"
)

// headlined are the events whose addresses, ports and kinds the headline shows.
var headlined = map[string]bool{
	"neigh.arp.rx": true, "neigh.arp.tx": true, "ipv4.rx": true, "ipv4.tx": true, "icmp.rx": true, "icmp.tx": true,
	"udp.rx": true, "udp.tx": true, "tcp.rx": true, "tcp.tx": true,
}

// headline says what packet it is, as tcpdump would: "pkt 17 rx
// 10.9.0.1:43210 > 10.9.0.2:81 [S] seq 1000".
func headline(g *group) string {
	h := about(g)
	s := fmt.Sprintf("pkt %d %s", g.packet, h.dir)
	switch {
	case h.arp != "":
		s += " " + h.arp
	case h.src != "":
		s += " " + withPort(h.src, h.sport) + " > " + withPort(h.dst, h.dport)
	}
	for _, part := range []string{h.flags, h.kind} {
		if part != "" {
			s += " " + part
		}
	}
	if h.seq != "" {
		s += " seq " + h.seq
	}
	return s
}

// packetFacts is what the events of a packet told of its headers.
type packetFacts struct {
	dir, src, dst, sport, dport string
	flags, seq, kind, arp       string
}

func about(g *group) packetFacts {
	var h packetFacts
	for i := range g.entries {
		e := &g.entries[i]
		if h.dir == "" {
			h.dir = e.Dir
		}
		h.learn(e)
	}
	return h
}

// learn takes what one event tells; what is known already stays.
func (h *packetFacts) learn(e *Entry) {
	a := e.Args
	switch e.Event {
	case "ipv4.rx", "ipv4.tx", "udp.rx", "udp.tx", "drop":
		if a.Get("src") != "0.0.0.0" {
			set(&h.src, a.Get("src"))
			set(&h.dst, a.Get("dst"))
		}
	case "neigh.arp.rx", "neigh.arp.tx":
		set(&h.arp, arpLine(a))
	case "icmp.rx", "icmp.tx":
		set(&h.kind, "icmp "+a.Get("type"))
	}
	if e.Event == "drop" && a.Get("sport") == "0" {
		return
	}
	switch e.Event {
	case "tcp.rx", "tcp.tx":
		set(&h.seq, a.Get("seq"))
		set(&h.flags, a.Get("flags"))
	case "udp.rx", "udp.tx":
		set(&h.kind, "udp")
	}
	if proto := a.Get("proto"); proto == "" || proto == "tcp" || proto == "udp" {
		set(&h.sport, a.Get("sport"))
		set(&h.dport, a.Get("dport"))
	}
}

func set(to *string, v string) {
	if *to == "" {
		*to = v
	}
}

func withPort(addr, port string) string {
	if port == "" {
		return addr
	}
	return addr + ":" + port
}

func arpLine(a Args) string {
	if a.Get("op") == "reply" {
		return "arp reply " + a.Get("spa") + " to " + a.Get("tpa")
	}
	return "arp who-has " + a.Get("tpa") + " tell " + a.Get("spa")
}

// detail writes an event's arguments, without those that the headline has.
func (p *Printer) detail(e *Entry) string {
	var parts []string
	if p.Device != nil && strings.HasPrefix(e.Event, "link.") && e.If != 0 {
		parts = append(parts, p.Device(e.If))
	}
	if e.Packet == 0 && e.Sock != 0 {
		parts = append(parts, "#"+strconv.FormatUint(uint64(e.Sock), 10))
	}
	switch e.Event {
	case "drop":
		parts = append(parts, e.Reason)
	case "tcp.lookup", "udp.lookup":
		parts = append(parts, lookup(e))
	case "tcp.state", "neigh.state":
		parts = append(parts, states(e))
	default:
		for _, a := range e.Args {
			if s := p.arg(e, a); s != "" {
				parts = append(parts, s)
			}
		}
	}
	if e.Event == "ipv4.rx" {
		parts = append(parts, "ok")
	}
	return strings.Join(parts, " ")
}

// lookup says which socket a packet is for.
func lookup(e *Entry) string {
	verdict, port := e.Args.Get("verdict"), e.Args.Get("dport")
	if e.Event == "udp.lookup" {
		verdict, port = "socket", e.Args.Get("port")
		if e.Sock == 0 {
			verdict = "MISS"
		}
	}
	if e.Sock != 0 {
		return verdict + " #" + strconv.FormatUint(uint64(e.Sock), 10)
	}
	return verdict + " :" + port
}

// states shows a transition.
func states(e *Entry) string {
	s := e.Args.Get("old") + " > " + e.Args.Get("new")
	if e.Event == "neigh.state" {
		return e.Args.Get("ip") + " " + s + " " + e.Args.Get("why")
	}
	return s
}

// arg writes one argument; "" for one that says nothing here.
func (p *Printer) arg(e *Entry, a Arg) string {
	switch a.Name {
	case "if":
		return p.device(e, a)
	case "src", "dst", "sport", "dport", "op", "spa", "tpa", "proto", "flags", "type":
		if headlined[e.Event] {
			return ""
		}
	}
	switch a.Name {
	case "len":
		return a.Value + "B"
	case "gso", "code":
		return unlessZero(a)
	case "class":
		if a.Value == "host" {
			return ""
		}
		return a.Value
	case "verdict", "why", "which", "what", "flags", "type", "events", "errno", "ip":
		return a.Value
	case "sock", "child":
		return "#" + a.Value
	case "via":
		if a.Value == "0.0.0.0" {
			return ""
		}
	}
	if name, ok := strings.CutSuffix(a.Name, ".us"); ok {
		return fmt.Sprintf("%s=%.1fms", name, float64(e.Args.Uint(a.Name))/1e3)
	}
	return a.Name + "=" + a.Value
}

func unlessZero(a Arg) string {
	if a.Value == "0" {
		return ""
	}
	return a.Name + "=" + a.Value
}

// device names the device of an argument; events of link carry it in front.
func (p *Printer) device(e *Entry, a Arg) string {
	if p.Device == nil || strings.HasPrefix(e.Event, "link.") {
		return ""
	}
	return "dev=" + p.Device(int(e.Args.Uint(a.Name)))
}
