// Package udp is the User Datagram Protocol (RFC 768, RFC 1122 4.1) as Linux
// speaks it.
package udp

import (
	"sync/atomic"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/sysctl"
)

// Module is a stack's UDP: its port table and settings (udp_prot, udp_table).
type Module struct {
	env   *inet.Env
	net   inet.Network
	table table
	ports *sysctl.Vector

	flows   flowTable
	forward atomic.Pointer[forwarder]
}

var _ inet.Protocol = (*Module)(nil)

// New returns the UDP module. ports is net.ipv4.ip_local_port_range, which TCP
// declares. The caller enters the module in the network layer's table.
func New(env *inet.Env, net inet.Network, ports *sysctl.Vector) *Module {
	m := &Module{env: env, net: net, ports: ports}
	m.table.key = env.Rand.Uint64()
	m.flows.init()
	return m
}

// Close closes every socket.
func (m *Module) Close() {
	m.flows.close()
	for _, s := range m.Socks() {
		_ = s.Close() // it has no error to give
	}
}
