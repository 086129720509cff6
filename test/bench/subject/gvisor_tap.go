package subject

import (
	"encoding/binary"
	"sync"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/rawfile"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/stopfd"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// vnetTap is a link endpoint of gVisor's on a TAP or TUN with IFF_VNET_HDR,
// which gVisor itself has for sockets only. It does what fdbased does for
// those, by gVisor's own rawfile calls: readv into views that the stack keeps,
// writev of the packet's views, delivery in the reader's goroutine, from which
// TCP passes to its own processors.
type vnetTap struct {
	fd    int
	mtu   uint32
	ether bool
	stop  stopfd.StopFD
	done  sync.WaitGroup

	mu         sync.RWMutex
	dispatcher stack.NetworkDispatcher
}

const vnetLen = 10 // struct virtio_net_hdr

var (
	_ stack.LinkEndpoint = (*vnetTap)(nil)
	_ stack.GSOEndpoint  = (*vnetTap)(nil)
)

func newVnetTap(fd int, mtu uint32, ether bool) (stack.LinkEndpoint, error) {
	stop, err := stopfd.New()
	return &vnetTap{fd: fd, mtu: mtu, ether: ether, stop: stop}, err
}

func (e *vnetTap) GSOMaxSize() uint32               { return gsoMax }
func (e *vnetTap) SupportedGSO() stack.SupportedGSO { return stack.HostGSOSupported }
func (e *vnetTap) MTU() uint32                      { return e.mtu }
func (e *vnetTap) SetMTU(mtu uint32)                { e.mtu = mtu }
func (e *vnetTap) LinkAddress() tcpip.LinkAddress   { return guestMAC() }
func (e *vnetTap) SetLinkAddress(tcpip.LinkAddress) {}
func (e *vnetTap) Wait()                            { e.done.Wait() }
func (e *vnetTap) Close()                           {}
func (e *vnetTap) SetOnCloseAction(func())          {}
func (e *vnetTap) ARPHardwareType() header.ARPHardwareType {
	if e.ether {
		return header.ARPHardwareEther
	}
	return header.ARPHardwareNone
}

func (e *vnetTap) MaxHeaderLength() uint16 {
	if e.ether {
		return header.EthernetMinimumSize
	}
	return 0
}

// Capabilities has no TXChecksumOffload, nor has runsc's default: segments of
// connections have their checksum offloaded by their GSO options, and what has
// none (handshakes, datagrams) needs a finished one.
func (e *vnetTap) Capabilities() stack.LinkEndpointCapabilities {
	c := stack.CapabilityRXChecksumOffload
	if e.ether {
		c |= stack.CapabilityResolutionRequired
	}
	return c
}

func (e *vnetTap) Attach(d stack.NetworkDispatcher) {
	e.mu.Lock()
	first := e.dispatcher == nil && d != nil
	e.dispatcher = d
	e.mu.Unlock()
	switch {
	case first:
		e.done.Add(1)
		go e.receive()
	case d == nil:
		e.stop.Stop()
	}
}

func (e *vnetTap) IsAttached() bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.dispatcher != nil
}

func (e *vnetTap) AddHeader(p *stack.PacketBuffer) {
	if !e.ether {
		return
	}
	header.Ethernet(p.LinkHeader().Push(header.EthernetMinimumSize)).Encode(&header.EthernetFields{
		SrcAddr: p.EgressRoute.LocalLinkAddress, DstAddr: p.EgressRoute.RemoteLinkAddress, Type: p.NetworkProtocolNumber,
	})
}

func (e *vnetTap) ParseHeader(p *stack.PacketBuffer) bool {
	if !e.ether {
		p.NetworkProtocolNumber = header.IPv4ProtocolNumber
		return true
	}
	b, ok := p.LinkHeader().Consume(header.EthernetMinimumSize)
	if ok {
		p.NetworkProtocolNumber = header.Ethernet(b).Type()
	}
	return ok
}

// WritePackets writes each packet by one system call, as a TAP takes them.
func (e *vnetTap) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	for i, p := range list.AsSlice() {
		if errno := e.write(p); errno != 0 {
			return i, tcpip.TranslateErrno(errno)
		}
	}
	return list.Len(), nil
}

func (e *vnetTap) write(p *stack.PacketBuffer) unix.Errno {
	var h [vnetLen]byte
	e.describe(h[:], p)
	var few [16]unix.Iovec
	iov := rawfile.AppendIovecFromBytes(few[:0], h[:], rawfile.MaxIovs)
	for _, v := range p.AsSlices() {
		iov = rawfile.AppendIovecFromBytes(iov, v, rawfile.MaxIovs)
	}
	return rawfile.NonBlockingWriteIovec(e.fd, iov)
}

// describe fills in the virtio header of a packet.
func (e *vnetTap) describe(h []byte, p *stack.PacketBuffer) {
	g := p.GSOOptions
	if g.Type == stack.GSONone {
		return
	}
	binary.NativeEndian.PutUint16(h[2:], uint16(p.HeaderSize()))
	if g.NeedsCsum {
		h[0] = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
		binary.NativeEndian.PutUint16(h[6:], e.MaxHeaderLength()+g.L3HdrLen)
		binary.NativeEndian.PutUint16(h[8:], g.CsumOffset)
	}
	if p.Data().Size() > int(g.MSS) {
		h[1] = 1 // VIRTIO_NET_HDR_GSO_TCPV4
		binary.NativeEndian.PutUint16(h[4:], g.MSS)
	}
}

// landing are the views that the next frame is read into: small ones first,
// so that small frames keep little memory, and those that were not reached
// stay for the next frame.
type landing struct {
	views []*buffer.View
	iov   []unix.Iovec
	vnet  [vnetLen]byte
}

var landingSizes = []int{128, 256, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768}

func (l *landing) ready() []unix.Iovec {
	if l.iov == nil {
		l.views = make([]*buffer.View, len(landingSizes))
		l.iov = append(make([]unix.Iovec, 0, len(landingSizes)+1), rawfile.IovecFromBytes(l.vnet[:]))[:len(landingSizes)+1]
	}
	for i, size := range landingSizes {
		if l.views[i] != nil {
			break
		}
		l.views[i] = buffer.NewViewSize(size)
		l.iov[i+1] = unix.Iovec{Base: l.views[i].BasePtr()}
		l.iov[i+1].SetLen(size)
	}
	return l.iov
}

// take makes a packet of the first n bytes, without the virtio header.
func (l *landing) take(n int) buffer.Buffer {
	var b buffer.Buffer
	for i := 0; n > 0 && i < len(l.views); i++ {
		v := l.views[i]
		v.CapLength(min(n, v.Size()))
		n -= v.Size()
		l.views[i] = nil
		_ = b.Append(v) // fails for clones of a view only
	}
	return b
}

func (e *vnetTap) receive() {
	defer e.done.Done()
	var l landing
	for {
		n, errno := rawfile.BlockingReadvUntilStopped(e.stop.EFD, e.fd, l.ready())
		if errno != 0 || n <= 0 {
			return
		}
		if n > vnetLen {
			e.deliver(l.take(n - vnetLen))
		}
	}
}

func (e *vnetTap) deliver(b buffer.Buffer) {
	p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: b})
	defer p.DecRef()
	if !e.ParseHeader(p) {
		return
	}
	p.RXChecksumValidated = true
	e.mu.RLock()
	d := e.dispatcher
	e.mu.RUnlock()
	if d != nil {
		d.DeliverNetworkPacket(p.NetworkProtocolNumber, p)
	}
}
