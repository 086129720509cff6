// Package raw is the sockets that see datagrams before their protocol does, and
// that send any protocol (raw(7); Linux's net/ipv4/raw.c, whose functions are
// named beside ours): AF_INET, SOCK_RAW.
//
// A datagram in: ipv4 calls Module.Input (raw_local_deliver), which gives each
// socket that matches a clone (raw_v4_input); Sock.receive puts the clone back
// to its IP header and into the socket's queue (raw_rcv, raw_rcv_skb);
// Sock.Recv takes it off (raw_recvmsg). A datagram out: Sock.Send
// (raw_sendmsg) finds the route and hands it to ipv4, without a header, or with
// the user's (raw_send_hdrinc). An ICMP error: Module.Error (raw_icmp_error)
// and Sock.failed (raw_err).
package raw

import (
	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
)

// Module is a stack's raw sockets (raw_prot, raw_v4_hashinfo).
type Module struct {
	env   *inet.Env
	ip    *ipv4.Module
	icmp  *icmp.Module
	table table
}

var _ ipv4.Raw = (*Module)(nil)

// New returns the module, entered before the protocols of ip.
func New(env *inet.Env, ip *ipv4.Module, icmp *icmp.Module) *Module {
	m := &Module{env: env, ip: ip, icmp: icmp}
	ip.HandleRaw(m)
	return m
}

// Socks returns the open sockets, by protocol.
func (m *Module) Socks() []*Sock {
	var all []*Sock
	for proto := range m.table.lists {
		all = append(all, m.table.at(uint8(proto))...)
	}
	return all
}
