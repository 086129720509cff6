// Package packet is the packet socket (packet(7), Linux's net/packet): frames as
// they pass between the devices and the link layer, before any protocol has
// judged them, and frames sent as they are given. In the names of af_packet.c:
// packet_create and packet_do_bind are in sock.go, packet_rcv in input.go,
// packet_snd in output.go, packet_recvmsg in recv.go, packet_mc_add in
// membership.go, packet_setsockopt in sockopt.go, packet_notifier in notify.go.
package packet

import (
	"sync"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/link"
)

// Module holds a stack's packet sockets.
type Module struct {
	env   *inet.Env
	link  *link.Module
	mu    sync.Mutex
	socks map[*Sock]struct{} // those that are not closed (net->packet.sklist)
}

// New returns the module.
func New(env *inet.Env, l *link.Module) *Module {
	m := &Module{env: env, link: l, socks: map[*Sock]struct{}{}}
	env.Dev.Watch(m.deviceChanged)
	return m
}

// Socks returns every packet socket, in no order.
func (m *Module) Socks() []*Sock {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*Sock, 0, len(m.socks))
	for s := range m.socks {
		all = append(all, s)
	}
	return all
}

func (m *Module) enter(s *Sock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.socks[s] = struct{}{}
}

func (m *Module) leave(s *Sock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.socks, s)
}
