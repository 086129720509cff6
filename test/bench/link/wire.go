package link

import (
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

	hostDev  = "k0" // the peer's interface
	guestDev = "s0" // the subject's end of a veth pair
)

// Wire is a link that was made.
type Wire struct {
	Peer    *Namespace // where the peer lives
	Subject *Namespace // where the subject lives: the same, where it only opens a device there
	Dev     string     // what the subject opens
}

// Make makes a link. With kernel it is for the kernel's own stack as subject,
// which has an end of a veth pair where others have a TAP.
func (s Spec) Make(kernel bool) (*Wire, error) {
	peer, err := NewNamespace()
	if err != nil {
		return nil, err
	}
	w := &Wire{Peer: peer, Subject: peer}
	if s.Device == Pipe {
		return w, nil
	}
	if err := s.build(w, kernel); err != nil {
		w.Close()
		return nil, fmt.Errorf("making the link %v: %w", s, err)
	}
	return w, nil
}

func (s Spec) build(w *Wire, kernel bool) error {
	if err := w.Peer.set(); err != nil {
		return err
	}
	if s.Device == Packet || kernel {
		if err := s.veth(w, kernel); err != nil {
			return err
		}
	} else if err := s.tunTap(w); err != nil {
		return err
	}
	return w.Peer.up(hostDev, s.MTU, Host)
}

func (s Spec) tunTap(w *Wire) error {
	w.Dev = hostDev
	mode := "tap"
	if s.Device == TUN {
		mode = "tun"
	}
	args := []string{"ip", "tuntap", "add", "dev", hostDev, "mode", mode}
	if s.Offload {
		args = append(args, "vnet_hdr")
	}
	return w.Peer.Run(args...)
}

func (s Spec) veth(w *Wire, kernel bool) (err error) {
	w.Dev = guestDev
	if w.Subject, err = NewNamespace(); err != nil {
		return err
	}
	if err := w.Subject.set(); err != nil {
		return err
	}
	if err := w.Peer.Run("ip", "link", "add", hostDev, "type", "veth", "peer", "name", guestDev, "netns", w.Subject.Path()); err != nil {
		return err
	}
	if !s.Offload {
		if err := noOffloads(w); err != nil {
			return err
		}
	}
	guest := ""
	if kernel {
		guest = Guest
	}
	return w.Subject.up(guestDev, s.MTU, guest)
}

// noOffloads makes of a veth pair two plain network cards: every frame has a
// finished checksum and fits the MTU.
func noOffloads(w *Wire) error {
	for ns, dev := range map[*Namespace]string{w.Peer: hostDev, w.Subject: guestDev} {
		if err := ns.Run("ethtool", "-K", dev, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off", "sg", "off"); err != nil {
			return err
		}
	}
	return nil
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

// set applies the settings. A thread sees its own namespace's in /proc/sys/net.
func (n *Namespace) set() error {
	return n.Do(func() error {
		for name, value := range settings {
			if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func (n *Namespace) up(dev string, mtu int, addr string) error {
	if addr != "" {
		if err := n.Run("ip", "addr", "add", addr+"/24", "dev", dev); err != nil {
			return err
		}
	}
	return n.Run("ip", "link", "set", dev, "mtu", strconv.Itoa(mtu), "txqueuelen", "1000", "up")
}

// Close removes the link: the namespaces go with the last process in them, and
// the devices go with their namespace.
func (w *Wire) Close() {
	if w.Subject != w.Peer && w.Subject != nil {
		w.Subject.Close()
	}
	w.Peer.Close()
}

func run(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
