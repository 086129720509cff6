package netdev

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ConfigureHost sets up the host's side of an interface, as "ip addr add" and
// "ip link set up" would: its MTU in bytes (0 leaves it), its IPv4 address and
// network (the zero Prefix leaves them), and up. IPv6 is kept from making up an
// address of its own there, and with it from sending router solicitations and
// group reports that nobody answers. Errors wrap the errno: ENODEV for no such
// interface, EPERM without CAP_NET_ADMIN, EINVAL for an IPv6 prefix.
func ConfigureHost(ifname string, prefix netip.Prefix, mtu int) error {
	index, err := linkIndex(ifname)
	if err != nil {
		return explainHost(ifname, err)
	}
	quietIPv6(index)
	if mtu != 0 {
		if err := setLinkMTU(ifname, mtu); err != nil {
			return err
		}
	}
	if prefix.IsValid() {
		if err := setHostAddr(ifname, prefix); err != nil {
			return explainHost(ifname, err)
		}
	}
	if err := setLinkUp(ifname); err != nil {
		return explainHost(ifname, err)
	}
	return nil
}

func explainHost(ifname string, err error) error {
	switch {
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("the host has no interface %s: %w", ifname, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("not allowed to configure interface %s: it needs CAP_NET_ADMIN; be root, or work in a user and network namespace of your own (unshare -Urn): %w", ifname, err)
	}
	return fmt.Errorf("cannot configure interface %s: %w", ifname, err)
}

func setHostAddr(ifname string, prefix netip.Prefix) error {
	if !prefix.Addr().Is4() {
		return fmt.Errorf("%v is not an IPv4 prefix: %w", prefix, unix.EINVAL)
	}
	mask := net.CIDRMask(prefix.Bits(), 32)
	for _, step := range []struct {
		request uint
		addr    []byte
	}{{unix.SIOCSIFADDR, prefix.Addr().AsSlice()}, {unix.SIOCSIFNETMASK, mask}} {
		_, err := linkIoctl(ifname, step.request, func(r *unix.Ifreq) { _ = r.SetInet4Addr(step.addr) })
		if err != nil {
			return err
		}
	}
	return nil
}

// quietIPv6 sets the interface's addrgenmode to none. Where IPv6 is missing
// from the kernel there is nothing to quieten.
func quietIPv6(index int) {
	const addrGenNone = 1 // IN6_ADDR_GEN_MODE_NONE
	r := newLinkRequest(0, index)
	r.nest(unix.IFLA_AF_SPEC, func() {
		r.nest(unix.AF_INET6, func() {
			r.attr(unix.IFLA_INET6_ADDR_GEN_MODE, []byte{addrGenNone})
		})
	})
	_ = r.do()
}

// AddVeth creates two interfaces joined by a cable (veth(4)), both down. It is
// how a stack meets the kernel where there is no /dev/net/tun: OpenPacket on
// one, ConfigureHost for the other. Errors wrap the errno: EEXIST, EPERM.
func AddVeth(name, peer string) error {
	const vethInfoPeer = 1 // VETH_INFO_PEER
	r := newLinkRequest(unix.NLM_F_CREATE|unix.NLM_F_EXCL, 0)
	r.attr(unix.IFLA_IFNAME, cString(name))
	r.nest(unix.IFLA_LINKINFO, func() {
		r.attr(unix.IFLA_INFO_KIND, cString("veth"))
		r.nest(unix.IFLA_INFO_DATA, func() {
			r.nest(vethInfoPeer, func() {
				r.linkInfo(0)
				r.attr(unix.IFLA_IFNAME, cString(peer))
			})
		})
	})
	switch err := r.do(); {
	case err == nil:
		return nil
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("an interface %s or %s exists already: %w", name, peer, err)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("not allowed to create a veth pair: it needs CAP_NET_ADMIN; be root, or work in a user and network namespace of your own (unshare -Urn): %w", err)
	default:
		return fmt.Errorf("cannot create the veth pair %s, %s: %w", name, peer, err)
	}
}

func cString(s string) []byte { return append([]byte(s), 0) }
