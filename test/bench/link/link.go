// Package link makes what lies between a subject and its peer: devices of the
// kernel, in network namespaces made for one measurement.
package link

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is a way to join a stack to the kernel, or to another stack.
type Kind struct {
	Name    string
	Device  Device
	Offload bool   // super-segments and unfinished checksums may pass
	About   string // for the report
}

// Device is what a stack in user space opens.
type Device int

// Devices.
const (
	TAP    Device = iota // a TAP; what the kernel itself uses in its place is a veth pair
	TUN                  // the same without Ethernet
	Packet               // an AF_PACKET socket on one end of a veth pair
	Pipe                 // two stacks of a kind in one process
)

// Kinds are all kinds, in the report's order.
var Kinds = []Kind{
	{"tap", TAP, false, "TAP, one frame of the MTU a system call"},
	{"tap-vnet", TAP, true, "TAP with vnet_hdr: checksum offload and TSO both ways"},
	{"tun", TUN, false, "TUN, one packet of the MTU a system call"},
	{"tun-vnet", TUN, true, "TUN with vnet_hdr: checksum offload and TSO both ways"},
	{"packet", Packet, false, "AF_PACKET on a veth pair, all offloads off"},
	{"packet-gso", Packet, true, "AF_PACKET with vnet_hdr on a veth pair, offloads on"},
	{"pipe", Pipe, false, "two stacks in one process, frames of the MTU"},
	{"pipe-gso", Pipe, true, "two stacks in one process, super-segments"},
}

// Spec is a kind with its MTU in bytes.
type Spec struct {
	Kind
	MTU int
}

// String is the form that Parse reads.
func (s Spec) String() string { return fmt.Sprintf("%s/%d", s.Name, s.MTU) }

// Parse reads a list such as "tap,tap-vnet/9000"; the MTU is 1500 if it is not
// given.
func Parse(list string) ([]Spec, error) {
	var specs []Spec
	for word := range strings.SplitSeq(list, ",") {
		s, err := parseOne(word)
		if err != nil {
			return nil, err
		}
		specs = append(specs, s)
	}
	return specs, nil
}

func parseOne(word string) (Spec, error) {
	name, size, given := strings.Cut(word, "/")
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Spec{}, fmt.Errorf("no link called %q; there are %s", name, strings.Join(Names(), ", "))
	}
	s := Spec{Kinds[i], 1500}
	if !given {
		return s, nil
	}
	mtu, err := strconv.Atoi(size)
	if err != nil || mtu < 576 || mtu > 65521 {
		return s, fmt.Errorf("%q is no MTU", size)
	}
	s.MTU = mtu
	return s, nil
}

// Names returns the names of all kinds.
func Names() (names []string) {
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}
