package link

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// The addresses of every measurement: the kernel that is the peer has Host,
// the subject has Guest.
const (
	Host  = "10.9.0.1"
	Guest = "10.9.0.2"
	// GuestMAC is the link address of subjects that need a given one.
	GuestMAC = "02:00:00:00:09:02"

	HostDev  = "k0" // the kernel's end of the link
	guestDev = "s0" // the subject's end of a veth pair
)

// Wire is a link that was made.
type Wire struct {
	Peer    *Namespace // where the peer lives
	Subject *Namespace // where the subject lives
	Dev     string     // what the subject opens, or uses

	near  *Namespace // where the kernel's end of the link is: the peer's, or a router's
	owned []*Namespace
}

// Needs is what a measurement asks of a link.
type Needs struct {
	// Kernel makes it for the kernel's own stack as subject, which has an end
	// of a veth pair where others have a TAP.
	Kernel bool
	// Lossy has a router before the peer that loses 1 % of the packets, in
	// both directions and at random.
	Lossy bool
}

// Make makes a link.
func (s Spec) Make(n Needs) (*Wire, error) {
	w := new(Wire)
	err := s.make(w, n)
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("making the link %v: %w", s, err)
	}
	return w, nil
}

func (s Spec) make(w *Wire, n Needs) (err error) {
	if w.Peer, err = w.namespace(); err != nil {
		return err
	}
	w.near, w.Subject = w.Peer, w.Peer
	if s.Device == Pipe {
		return nil
	}
	if n.Lossy {
		if err := s.lossy(w); err != nil {
			return err
		}
	}
	if err := s.device(w, n.Kernel); err != nil {
		return err
	}
	if n.Lossy {
		return w.near.forward(s.MTU)
	}
	return w.near.up(HostDev, s.MTU, Host+"/24")
}

// namespace makes one that goes with the wire.
func (w *Wire) namespace() (*Namespace, error) {
	n, err := NewNamespace()
	if err != nil {
		return nil, err
	}
	w.owned = append(w.owned, n)
	return n, n.set()
}

func (s Spec) device(w *Wire, kernel bool) error {
	if s.Device != Packet && !kernel {
		w.Subject = w.near
		return s.tunTap(w)
	}
	return s.veth(w, kernel)
}

func (s Spec) tunTap(w *Wire) error {
	w.Dev = HostDev
	mode := "tap"
	if s.Device == TUN {
		mode = "tun"
	}
	args := []string{"ip", "tuntap", "add", "dev", HostDev, "mode", mode}
	if s.Offload {
		args = append(args, "vnet_hdr")
	}
	return w.near.Run(args...)
}

func (s Spec) veth(w *Wire, kernel bool) (err error) {
	w.Dev = guestDev
	if w.Subject, err = w.namespace(); err != nil {
		return err
	}
	if err := join(w.near, HostDev, w.Subject, guestDev, s.Offload); err != nil {
		return err
	}
	addr := ""
	if kernel {
		addr = Guest + "/24"
	}
	return w.Subject.up(guestDev, s.MTU, addr)
}

// join lays a veth pair between two namespaces.
func join(a *Namespace, aDev string, b *Namespace, bDev string, offload bool) error {
	if err := a.Run("ip", "link", "add", aDev, "type", "veth", "peer", "name", bDev, "netns", b.Path()); err != nil || offload {
		return err
	}
	return errors.Join(a.plain(aDev), b.plain(bDev))
}

// plain makes of an end of a veth pair a plain network card: every frame has a
// finished checksum and fits the MTU.
func (n *Namespace) plain(dev string) error {
	return n.Run("ethtool", "-K", dev, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off", "sg", "off")
}

// settings of every namespace: IPv6 sends nothing of its own, and there is room
// for many connections. TCP's buffers are the kernel's defaults.
var settings = map[string]string{
	"ipv6/conf/all/disable_ipv6":     "1",
	"ipv6/conf/default/disable_ipv6": "1",
	"ipv4/ip_local_port_range":       "1024 65535",
	"ipv4/tcp_max_syn_backlog":       "65536",
	"core/somaxconn":                 "65536",
}

// set applies the settings.
func (n *Namespace) set() error {
	for name, value := range settings {
		if err := n.write(name, value); err != nil {
			return err
		}
	}
	return nil
}

// write changes a setting of the namespace: a thread sees its own namespace's
// in /proc/sys/net.
func (n *Namespace) write(name, value string) error {
	return n.Do(func() error { return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0) })
}

func (n *Namespace) up(dev string, mtu int, addr string) error {
	if addr != "" {
		if err := n.Run("ip", "addr", "add", addr, "dev", dev); err != nil {
			return err
		}
	}
	return n.Run("ip", "link", "set", dev, "mtu", strconv.Itoa(mtu), "txqueuelen", "1000", "up")
}

// Close removes the link: the namespaces go with the last process in them, and
// the devices go with their namespace.
func (w *Wire) Close() {
	for _, n := range w.owned {
		n.Close()
	}
}

func run(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
