package netdev

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// packet shares an interface of the host by a packet(7) socket. It receives a
// copy of what the interface receives, and sends as if from the host. What the
// host itself sends by the interface is not seen (PACKET_IGNORE_OUTGOING, and
// a check of the packet type before Linux 4.20), nor does the host see what
// the stack sends: the two can talk only through something that returns
// frames, such as the other end of a veth pair.
type packet struct {
	*pollFD
	name     string
	index    int
	mtu      int
	mac      net.HardwareAddr
	features Features
	vnet     bool
	promisc  bool // the stack asked for it; Device.mu guards it

	rx packetRx
	tx packetTx // of Write
}

const defaultPacketBuffer = 8 << 20

// OpenPacket takes part in the Ethernet interface ifname. Errors wrap the
// errno: EPERM without CAP_NET_RAW, ENODEV for no such interface, EINVAL for
// one that is not Ethernet.
func OpenPacket(ifname string, o PacketOptions) (Driver, error) {
	// Protocol 0 keeps frames away until everything is set and bound.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, explainPacket(ifname, err)
	}
	p := &packet{name: ifname, mac: o.MAC}
	if err := p.setup(fd, o); err != nil {
		unix.Close(fd)
		return nil, explainPacket(ifname, err)
	}
	if p.pollFD, err = newPollFD(fd); err != nil {
		return nil, err
	}
	p.rx.land = newPlaces(rxBatch, leastOfPacket, p.vnet, false)
	p.tx.p, p.places = p, &p.rx.land
	return p, nil
}

func (p *packet) setup(fd int, o PacketOptions) (err error) {
	if p.index, err = linkIndex(p.name); err != nil {
		return err
	}
	if p.mtu, err = linkMTU(p.name); err != nil {
		return err
	}
	if err := p.describe(fd, o); err != nil {
		return err
	}
	setPacketBuffers(fd, o.Buffer)
	if err := p.join(fd, o); err != nil {
		return err
	}
	return p.bind(fd, o)
}

// describe asks for metadata with the frames.
func (p *packet) describe(fd int, o PacketOptions) error {
	p.vnet = !o.Plain && unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1) == nil
	p.features = RxCsum
	if p.vnet {
		p.features |= TxCsum | TSO4
	}
	p.rx.named = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1) != nil
	return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)
}

// setPacketBuffers makes the buffers large, beyond the system's limit where we
// may. That they stay smaller otherwise is no error.
func setPacketBuffers(fd, size int) {
	if size == 0 {
		size = defaultPacketBuffer
	}
	for _, opt := range [][2]int{{unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}, {unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[0], size) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt[1], size)
		}
	}
}

// join has the interface let frames through that are not for the host.
func (p *packet) join(fd int, o PacketOptions) error {
	m := unix.PacketMreq{Ifindex: int32(p.index), Type: unix.PACKET_MR_PROMISC}
	if o.InterfaceMAC {
		m.Type = unix.PACKET_MR_ALLMULTI
	}
	return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m)
}

// SetRxMode lets frames for other stations through while the stack wants them.
// Those for groups always come.
func (p *packet) SetRxMode(promisc, _ bool) error {
	if err := p.begin(); err != nil {
		return err
	}
	defer p.end()
	option := unix.PACKET_DROP_MEMBERSHIP
	if promisc {
		option = unix.PACKET_ADD_MEMBERSHIP
	}
	m := unix.PacketMreq{Ifindex: int32(p.index), Type: unix.PACKET_MR_PROMISC}
	if promisc == p.promisc {
		return nil
	}
	if err := unix.SetsockoptPacketMreq(p.fd, unix.SOL_PACKET, option, &m); err != nil {
		return err
	}
	p.promisc = promisc
	return nil
}

func (p *packet) bind(fd int, o PacketOptions) error {
	all := &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: p.index}
	if err := unix.Bind(fd, all); err != nil {
		return err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	ll := sa.(*unix.SockaddrLinklayer)
	if ll.Hatype != unix.ARPHRD_ETHER {
		return unix.EINVAL
	}
	if o.InterfaceMAC {
		p.mac = append(net.HardwareAddr(nil), ll.Addr[:ll.Halen]...)
	}
	return nil
}

func networkOrder(v uint16) uint16 { return v<<8 | v>>8 }

func explainPacket(ifname string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("not allowed to open a packet socket on %s: it needs CAP_NET_RAW; be root, or work in a user and network namespace of your own (unshare -Urn): %w", ifname, err)
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("there is no interface %s (ip link shows them): %w", ifname, err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%s is not an Ethernet interface: %w", ifname, err)
	}
	return fmt.Errorf("cannot open a packet socket on %s: %w", ifname, err)
}

// Name returns the interface's name.
func (p *packet) Name() string { return p.name }

func (p *packet) Features() Features { return p.features }

func (p *packet) MTU() int { return p.mtu }

func (p *packet) MAC() net.HardwareAddr { return p.mac }

// Read waits for frames and takes all that are there, up to len(dst).
func (p *packet) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	return readWaiting(p, pool, dst)
}

// TryRead takes the frames that are there, up to len(dst). An interface that is
// down ends nothing; one that is gone does.
func (p *packet) TryRead(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	defer p.end()
	if err := p.begin(); err != nil {
		return 0, err
	}
	for {
		n, err := p.rx.receive(p, pool, dst)
		switch err {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		case unix.ENETDOWN:
			err = p.stillThere()
		case unix.EINVAL: // a super-segment of a kind that virtio has no word for; it is gone
			pool.NewRaw(0).Drop(skb.DevHdr)
			continue
		}
		if err != nil {
			return n, fmt.Errorf("receiving on interface %s: %w", p.name, err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

// stillThere returns ENODEV once the interface is removed.
func (p *packet) stillThere() error {
	ifr, err := unix.NewIfreq(p.name)
	if err == nil {
		err = unix.IoctlIfreq(p.fd, unix.SIOCGIFINDEX, ifr)
	}
	if err != nil || int(ifr.Uint32()) != p.index {
		return unix.ENODEV
	}
	return nil
}

// NewWriter returns one more that may send at the same time.
func (p *packet) NewWriter() Writer { return &packetTx{p: p} }

func (p *packet) Write(src []*skb.Buffer) (int, error) { return p.tx.Write(src) }

// Close ends a blocked Read and leaves the interface.
func (p *packet) Close() error {
	err := p.pollFD.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rx.land.release()
	return err
}
