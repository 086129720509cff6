package link

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// OpenTun attaches to the TAP or TUN that Make made, for subjects that have no
// driver of their own. The descriptor does not block.
func (s Spec) OpenTun(dev string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	ifr, err := unix.NewIfreq(dev)
	if err != nil {
		return -1, err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if s.Device == TUN {
		flags = unix.IFF_TUN | unix.IFF_NO_PI
	}
	if s.Offload {
		flags |= unix.IFF_VNET_HDR
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return -1, fmt.Errorf("opening %s: %w", dev, err)
	}
	if s.Offload {
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4)
	}
	return fd, err
}

const packetBuffer = 8 << 20 // ministack's default

// OpenPacket opens a packet socket on an interface: promiscuous, without what
// the host itself sends, with large buffers, and with virtio headers where the
// link has offloads.
func (s Spec) OpenPacket(dev string) (int, error) {
	ifi, err := net.InterfaceByName(dev)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	promisc := unix.PacketMreq{Ifindex: int32(ifi.Index), Type: unix.PACKET_MR_PROMISC}
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &promisc); err != nil {
		return -1, err
	}
	for _, o := range s.packetOptions() {
		if err := unix.SetsockoptInt(fd, o[0], o[1], o[2]); err != nil {
			return -1, fmt.Errorf("packet socket option %v: %w", o, err)
		}
	}
	all := uint16(unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00) // in network order
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifi.Index})
}

func (s Spec) packetOptions() [][3]int {
	o := [][3]int{{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, packetBuffer}, {unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, packetBuffer}, {unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1}}
	if s.Offload {
		o = append(o, [3]int{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1})
	}
	return o
}
