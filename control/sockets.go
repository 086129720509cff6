package control

import (
	"fmt"
	"net/netip"
	"sort"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/tcp"
)

// states are ss's names.
var states = map[tcp.State]string{
	tcp.Established: "ESTAB", tcp.SynSent: "SYN-SENT", tcp.SynRecv: "SYN-RECV", tcp.FinWait1: "FIN-WAIT-1",
	tcp.FinWait2: "FIN-WAIT-2", tcp.TimeWait: "TIME-WAIT", tcp.Closed: "UNCONN", tcp.CloseWait: "CLOSE-WAIT",
	tcp.LastAck: "LAST-ACK", tcp.Listen: "LISTEN", tcp.Closing: "CLOSING", tcp.NewSynRecv: "SYN-RECV",
}

// sockets are those of ss, by protocol and local name.
func (v *Server) sockets() []Socket {
	all := []Socket{}
	v.stack.TCPSockets(func(e tcp.Entry) {
		s := Socket{Proto: "tcp", State: states[e.State], RecvQ: e.RecvQ, SendQ: e.SendQ, Local: e.Local, Peer: e.Peer}
		if e.Conn != nil {
			info := e.Conn.Info()
			s.Number, s.TCP, s.Mem = info.Number, tcpInfo(&info), memOf(&e.Conn.Sock)
		}
		all = append(all, s)
	})
	for _, u := range v.stack.UDPSockets() {
		all = append(all, datagramSocket("udp", &u.Sock, u))
	}
	for _, r := range v.stack.RawSockets() {
		all = append(all, datagramSocket("raw", &r.Sock, r))
	}
	for _, p := range v.stack.PacketSockets() {
		all = append(all, v.packetSocket(p))
	}
	sort.SliceStable(all, func(i, j int) bool { return before(&all[i], &all[j]) })
	return all
}

// datagramSocket describes a socket without connections of the kind of TCP's.
func datagramSocket(proto string, c *inet.Sock, names interface {
	Names() (local, peer netip.AddrPort)
}) Socket {
	s := Socket{Proto: proto, State: "UNCONN", RecvQ: int(c.RmemAlloc.Load()), SendQ: int(c.WmemAlloc.Load()), Number: c.ID, Mem: memOf(c)}
	s.Local, s.Peer = names.Names()
	if s.Peer.IsValid() {
		s.State = "ESTAB"
	}
	return s
}

// packetSocket describes a packet socket: what it hears, and where.
func (v *Server) packetSocket(p *packet.Sock) Socket {
	name, dev := p.Name(), "*"
	for _, d := range v.stack.Devices() {
		if d.Index == name.IfIndex {
			dev = d.Name
		}
	}
	s := Socket{Proto: "p_dgr", State: "UNCONN", RecvQ: int(p.RmemAlloc.Load()), Number: p.ID, Mem: memOf(&p.Sock)}
	if p.Raw() {
		s.Proto = "p_raw"
	}
	s.Link = etherName(name.Protocol) + ":" + dev
	return s
}

// etherName is a protocol as ss shows it.
func etherName(etherType uint16) string {
	switch etherType {
	case packet.AllProtocols:
		return "*"
	case link.TypeIPv4:
		return "ip"
	case link.TypeARP:
		return "arp"
	}
	return fmt.Sprintf("[%d]", etherType)
}

func before(a, b *Socket) bool {
	if a.Proto != b.Proto {
		return a.Proto < b.Proto
	}
	if (a.State == "LISTEN") != (b.State == "LISTEN") {
		return a.State == "LISTEN"
	}
	if c := a.Local.Compare(b.Local); c != 0 {
		return c < 0
	}
	return a.Peer.Compare(b.Peer) < 0
}

func memOf(s *inet.Sock) *Mem {
	return &Mem{RmemAlloc: int(s.RmemAlloc.Load()), RcvBuf: int(s.RcvBuf.Load()),
		WmemAlloc: int(s.WmemAlloc.Load()), SndBuf: int(s.SndBuf.Load())}
}

// Listening and SocketPeer are what explanations of trouble ask.

// Listening returns the ports on which sockets of a protocol wait.
func (v *Server) Listening(proto uint8) []uint16 {
	ports := map[uint16]bool{}
	if proto == inet.ProtoTCP {
		v.stack.TCPSockets(func(e tcp.Entry) {
			if e.State == tcp.Listen {
				ports[e.Local.Port()] = true
			}
		})
	} else {
		for _, u := range v.stack.UDPSockets() {
			if local, peer := u.Names(); !peer.IsValid() {
				ports[local.Port()] = true
			}
		}
	}
	var list []uint16
	for p := range ports {
		list = append(list, p)
	}
	sort.Slice(list, func(i, j int) bool { return list[i] < list[j] })
	return list
}

// SocketPeer returns the peer of a connection that still exists.
func (v *Server) SocketPeer(number uint32) (peer netip.AddrPort, ok bool) {
	v.stack.TCPSockets(func(e tcp.Entry) {
		if e.Conn != nil && e.Conn.ID == number {
			peer, ok = e.Peer, true
		}
	})
	return peer, ok
}
