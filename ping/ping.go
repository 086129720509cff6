// Package ping is the sockets that send echo requests and receive the replies
// to them (socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); Linux's net/ipv4/ping.c,
// whose functions are named beside ours): who has no right to a raw socket may
// ping with one (B48). A socket's port is its ICMP identifier.
package ping

import (
	"net/netip"

	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
)

// Module is a stack's ping sockets (ping_prot). Their table is icmp's, which
// others that ping use as well.
type Module struct {
	env  *inet.Env
	ip   *ipv4.Module
	icmp *icmp.Module
}

// New returns the module.
func New(env *inet.Env, ip *ipv4.Module, icmp *icmp.Module) *Module {
	return &Module{env: env, ip: ip, icmp: icmp}
}

// identity is what a socket is looked up by beside its identifier. It is
// replaced whole, so that the packet path reads it without the socket's lock.
type identity struct {
	local  netip.Addr // the zero Addr: any
	device int        // 0: any
}

// wants is ping_lookup's comparison. As on Linux the peer's address is not
// compared: a connected socket receives the replies of others as well.
func (s *Sock) wants(local netip.Addr, device int) bool {
	id := s.id.Load()
	return (!id.local.IsValid() || id.local == local) && (id.device == 0 || id.device == device)
}
