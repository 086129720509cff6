package main

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slankdev/ministack/netdev"
)

// deviceSpec is one --dev with what follows it.
type deviceSpec struct {
	kind, name string // tap, ms0
	host       netip.Prefix
	addrs      []netip.Prefix
	mtu        int
	impair     *netdev.Impairment
	dhcp       bool
}

// stackFlags say which stack a command is about: a running one, or one of its
// own.
type stackFlags struct {
	control, name string
	devs          []*deviceSpec
	gateway       netip.Addr
	sysctls       []string
	leases        leases
}

// setter is a flag whose values are taken in as they come, since the order of
// the flags has a meaning.
type setter struct {
	kind string
	set  func(string) error
}

func (s setter) String() string     { return "" }
func (s setter) Type() string       { return s.kind }
func (s setter) Set(v string) error { return s.set(v) }

var _ pflag.Value = setter{}

// addDeviceFlags adds the flags that describe a stack.
func (f *stackFlags) addDeviceFlags(fs *pflag.FlagSet) {
	fs.Var(setter{"kind:name", f.addDevice}, "dev", "device: tap:NAME, tun:NAME, packet:IFNAME or water:NAME; may be repeated, each with the flags that follow it")
	fs.Var(setter{"cidr", f.addAddr}, "addr", "address of the last --dev, such as 10.9.0.2/24; may be repeated")
	fs.Var(setter{"cidr", f.setHost}, "host-addr", "address of the host's side of the last --dev, which is brought up")
	fs.Var(setter{"bytes", f.setMTU}, "mtu", "MTU of the last --dev")
	fs.Var(setter{"list", f.setImpair}, "impair", "what is wrong with the last --dev's link: loss=1%,delay=5ms,jitter=1ms,reorder=2%,dup=1%,corrupt=0.1%,rate=100mbit,seed=7")
	fs.BoolFunc("dhcp", "ask a DHCP server for the address of the last --dev, its routes and MTU", f.setDHCP)
	fs.Var(setter{"ip", f.setGateway}, "gw", "gateway of the default route")
	fs.Var(setter{"name=value", f.addSysctl}, "sysctl", "setting, such as net.ipv4.tcp_sack=0; may be repeated")
}

// addToolFlags adds those and the ones that choose a running stack.
func (f *stackFlags) addToolFlags(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.control, "control", "", "control socket of the stack")
	fs.StringVar(&f.name, "name", "", "name of the stack")
	f.addDeviceFlags(fs)
}

func (f *stackFlags) addDevice(s string) error {
	kind, name, _ := strings.Cut(s, ":")
	switch {
	case kind != "tap" && kind != "tun" && kind != "packet" && kind != "water":
		return usage("--dev %q: a device is tap:NAME, tun:NAME, packet:IFNAME or water:NAME", s)
	case name == "" || len(name) > 15 || strings.ContainsAny(name, "/ "):
		return usage("--dev %q: a device needs a name of 1 to 15 letters after the colon", s)
	}
	f.devs = append(f.devs, &deviceSpec{kind: kind, name: name})
	return nil
}

// last is the device that a flag is about.
func (f *stackFlags) last(flag string) (*deviceSpec, error) {
	if len(f.devs) == 0 {
		return nil, usage("--%s says something of a device, so it comes after its --dev", flag)
	}
	return f.devs[len(f.devs)-1], nil
}

func (f *stackFlags) addAddr(s string) error {
	d, err := f.last("addr")
	if err != nil {
		return err
	}
	p, err := parsePrefix(s)
	if err != nil {
		return usage("--addr %v", err)
	}
	d.addrs = append(d.addrs, p)
	return nil
}

func (f *stackFlags) setHost(s string) error {
	d, err := f.last("host-addr")
	if err != nil {
		return err
	}
	if d.kind == "packet" {
		return usage("--host-addr is for tap and tun devices: the host has addresses of its own on %s", d.name)
	}
	if d.host, err = parsePrefix(s); err != nil {
		return usage("--host-addr %v", err)
	}
	return nil
}

func (f *stackFlags) setMTU(s string) error {
	d, err := f.last("mtu")
	if err != nil {
		return err
	}
	d.mtu, err = strconv.Atoi(s)
	if err != nil || d.mtu < 68 || d.mtu > 65535 {
		return usage("--mtu %q: an MTU is 68 to 65535 bytes", s)
	}
	return nil
}

func (f *stackFlags) setImpair(s string) error {
	d, err := f.last("impair")
	if err != nil {
		return err
	}
	i, err := netdev.ParseImpairment(s)
	if err != nil {
		return usage("--impair: %v", err)
	}
	d.impair = &i
	return nil
}

func (f *stackFlags) setDHCP(s string) error {
	d, err := f.last("dhcp")
	if err != nil {
		return err
	}
	if d.dhcp, err = strconv.ParseBool(s); err != nil {
		return usage("--dhcp=%q: true or false", s)
	}
	return nil
}

func (f *stackFlags) setGateway(s string) (err error) {
	if f.gateway, err = parseAddr(s); err != nil {
		return usage("--gw %v", err)
	}
	return nil
}

func (f *stackFlags) addSysctl(s string) error {
	if name, _, ok := strings.Cut(s, "="); !ok || name == "" {
		return usage("--sysctl %q: a setting is NAME=VALUE, such as net.ipv4.tcp_sack=0", s)
	}
	f.sysctls = append(f.sysctls, s)
	return nil
}

// parsePrefix reads an address with its network.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return p, usage("%q: an address with the length of its network is wanted, such as 10.9.0.2/24", s)
	}
	return p, nil
}

// parseAddr reads an address.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return a, usage("%q is not an IPv4 address, such as 10.9.0.1 (names are not looked up)", s)
	}
	return a, nil
}
