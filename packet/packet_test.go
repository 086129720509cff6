package packet_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
)

// B16, B20: the socket sees the request and the answer, and the stack answers
// all the same.
func TestASocketSeesBothWays(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	all, ip := open(t, p.S, raw, packet.AllProtocols), open(t, p.S, dgram, 0x0800)
	p.Send(echo(p)...)
	require.NotNil(t, p.One().Layer(layers.LayerTypeICMPv4))
	request, from := read(t, all)
	require.Len(t, request, 14+20+8+32)
	require.Equal(t, []byte(p.MAC), from.Addr[:6])
	require.EqualValues(t, skb.PacketHost, from.PktType)
	reply, from := read(t, all)
	require.Len(t, reply, 14+20+8+32)
	require.Equal(t, []byte(p.StackMAC()), from.Addr[:6])
	require.EqualValues(t, skb.PacketOutgoing, from.PktType)
	bare, from := read(t, ip)
	require.Equal(t, request[14:], bare)
	require.EqualValues(t, 0x0800, from.Protocol)
	_, err := ip.Recv(nil, 0)
	require.Equal(t, syscall.EAGAIN, err)
}

// The time is that of the batch that a frame came in, or of its leaving.
func TestFramesHaveTheTimeOfTheirPassing(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, raw, packet.AllProtocols)
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_TIMESTAMPNS, 1))
	p.Introduce()
	p.Wait(time.Second)
	now := p.Clock.Wall()
	p.Send(echo(p)...)
	p.Take()
	for range 4 { // ARP's two, the request, the reply
		m := socket.Message{Data: make([]byte, 100)}
		_, err := k.RecvMsg(&m, 0)
		require.NoError(t, err)
		if m.Link.Protocol == 0x0800 {
			require.Equal(t, now, m.Time)
		}
	}
}

// Taps see what the driver gets: segments, where the device cannot cut a
// super-segment itself, with their checksums.
func TestOutgoingSegmentsAreSeenAsTheyLeave(t *testing.T) {
	for _, offload := range []bool{false, true} {
		w := world.PairOver(t, netdev.PipeOptions{Offload: offload})
		l, err := w.Stacks[1].Listen("tcp", ":80")
		require.NoError(t, err)
		defer l.Close()
		c, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":80")
		require.NoError(t, err)
		k := open(t, w.Stacks[0], raw, packet.AllProtocols)
		require.NoError(t, k.Setsockopt(socket.SOL_PACKET, socket.PACKET_AUXDATA, 1))
		_, err = c.Write(make([]byte, 10_000))
		require.NoError(t, err)
		w.Clock.Run(time.Second)
		m := socket.Message{Data: make([]byte, 70_000)}
		n, err := k.RecvMsg(&m, 0)
		require.NoError(t, err)
		require.EqualValues(t, skb.PacketOutgoing, m.Link.PktType)
		if offload {
			require.Greater(t, n, 1514)
			require.EqualValues(t, packet.StatusUser|packet.StatusCsumNotReady|packet.StatusGSOTCP, m.Aux.Status)
			continue
		}
		require.Equal(t, 1514, n)
		require.EqualValues(t, packet.StatusUser, m.Aux.Status)
		require.NotNil(t, world.Check(t, m.Data[:n]))
	}
}

// Devices without link header: both types see the packet alone, and an address
// has no bytes.
func TestDevicesWithoutALinkHeader(t *testing.T) {
	w := world.PairOver(t, netdev.PipeOptions{NoLink: true})
	r, d := open(t, w.Stacks[1], raw, packet.AllProtocols), open(t, w.Stacks[1], dgram, 0x0800)
	_, err := open(t, w.Stacks[0], dgram, 0).SendMsg(&socket.Message{Data: []byte{0x45, 2, 3}, Link: socket.LinkAddr{Protocol: 0x0800, IfIndex: eth0}}, 0)
	require.NoError(t, err)
	s := open(t, w.Stacks[0], raw, 0)
	require.NoError(t, s.BindLink(socket.LinkAddr{IfIndex: eth0}))
	_, err = s.Send([]byte{0x60, 2}, 0)
	require.NoError(t, err)
	_, err = s.Send(nil, 0)
	require.Equal(t, syscall.EINVAL, err)
	w.Clock.Run(time.Millisecond)
	for _, k := range []*socket.Socket{r, d} {
		got, from := read(t, k)
		require.Equal(t, []byte{0x45, 2, 3}, got)
		require.Equal(t, socket.LinkAddr{Protocol: 0x0800, IfIndex: eth0, HaType: 0xfffe}, from)
	}
	got, from := read(t, r)
	require.Equal(t, []byte{0x60, 2}, got)
	require.EqualValues(t, 0x86dd, from.Protocol)
}

// What the host sends to itself passes its loopback device twice.
func TestTheLoopbackDeviceShowsBothWays(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, dgram, packet.AllProtocols)
	u, err := p.S.Dial("udp", "127.0.0.1:9")
	require.NoError(t, err)
	_, err = u.Write([]byte("x"))
	require.NoError(t, err)
	p.Clock.Run(time.Millisecond)
	out, from := read(t, k)
	require.EqualValues(t, skb.PacketOutgoing, from.PktType)
	require.EqualValues(t, 772, from.HaType)
	in, from := read(t, k)
	require.Equal(t, out, in)
	require.EqualValues(t, skb.PacketHost, from.PktType)
}

// B14: a full buffer drops with the reason, and counts.
func TestAFullBufferDropsAndCounts(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, raw, testProto)
	require.NoError(t, k.Setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1))
	for range 10 {
		p.SendRaw(frame(p, 1000))
	}
	p.Silent()
	got := int64(0)
	for ; k.Poll()&socket.POLLIN != 0; got++ {
		read(t, k)
	}
	require.Equal(t, 10-got, p.S.Pool().Drops(skb.SocketRcvBuff))
	st, err := k.PacketStatistics()
	require.NoError(t, err)
	require.Equal(t, packet.Statistics{Packets: 10, Drops: uint32(10 - got)}, st)
	require.NotZero(t, got)
}

// The charge is true: what is queued cannot hold more memory than the buffer
// and one frame.
func TestTheBufferIsChargedTrueSizes(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, raw, testProto)
	p.SendRaw(frame(p, 46))
	p.Silent()
	one := k.Ops().Common().RmemAlloc.Load()
	require.Greater(t, one, int32(skb.SmallSize))
	read(t, k)
	require.Zero(t, k.Ops().Common().RmemAlloc.Load())
}

// What a filter does not want costs no buffer, and is not lost.
func TestWhatAFilterRefusesCostsNothing(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, raw, testProto)
	code, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{}})
	require.NoError(t, err)
	require.NoError(t, k.AttachFilter(code))
	p.SendRaw(frame(p, 46))
	p.Silent()
	st, err := k.PacketStatistics()
	require.NoError(t, err)
	require.Zero(t, st)
	require.Zero(t, p.S.Pool().Drops(skb.SocketFilter))
	require.NoError(t, k.DetachFilter())
	p.SendRaw(frame(p, 46))
	p.Silent()
	read(t, k)
}

// Memberships reach the driver, once each way, and the flag of others is left
// alone (B22).
func TestPromiscuousModeReachesTheDriver(t *testing.T) {
	p := world.NewPeer(t)
	d := p.S.Devices()[1]
	k := open(t, p.S, raw, 0)
	all := packet.Mreq{IfIndex: eth0, Type: packet.MRPromisc}
	require.NoError(t, k.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, all))
	require.NotZero(t, d.Flags()&netdev.Promisc)
	d.SetFlags(netdev.Promisc, 0)
	require.Equal(t, 2, d.Promiscuity())
	require.NoError(t, k.Close())
	require.NotZero(t, d.Flags()&netdev.Promisc, "the user wants it")
	d.SetFlags(0, netdev.Promisc)
	require.Zero(t, d.Flags()&netdev.Promisc)
	k = open(t, p.S, raw, 0)
	group := packet.Mreq{IfIndex: eth0, Type: packet.MRMulticast, ALen: 6, Addr: [8]byte{1, 0, 0x5e, 0, 0, 9, 7, 7}}
	require.NoError(t, k.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, group))
	require.True(t, d.InGroup(netdev.MACAddr(group.Addr[:6])))
	group.Addr[7] = 0 // behind the address
	require.NoError(t, k.PacketMembership(socket.PACKET_DROP_MEMBERSHIP, group))
	require.False(t, d.InGroup(netdev.MACAddr(group.Addr[:6])))
	require.NoError(t, k.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, packet.Mreq{IfIndex: eth0, Type: packet.MRAllMulti}))
	require.NotZero(t, d.Flags()&netdev.AllMulti)
	require.Equal(t, syscall.EINVAL, k.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, packet.Mreq{IfIndex: eth0, Type: 9}))
	require.NoError(t, k.Close())
	require.Zero(t, d.Flags()&netdev.AllMulti)
}

// B17: Linux does not look at sll_halen.
func TestAnAddressMustHaveTheLengthOfTheDevices(t *testing.T) {
	p := world.NewPeer(t)
	k := open(t, p.S, dgram, 0)
	to := socket.LinkAddr{Protocol: 0x0800, IfIndex: eth0, Addr: [8]byte{2, 3, 4, 5, 6, 7}}
	for n := range uint8(9) {
		to.HaLen = n
		_, err := k.SendMsg(&socket.Message{Data: []byte("x"), Link: to}, 0)
		if n == 6 {
			require.NoError(t, err)
		} else {
			require.Equal(t, syscall.EINVAL, err, n)
		}
	}
	d := p.S.Devices()[1]
	require.EqualValues(t, 2, d.Counters.TxPackets.Load(), "what the stack announced, and one")
}

// A reader that sleeps wakes for a frame, for the end of its device and for
// Close.
func TestASleepingReaderWakes(t *testing.T) {
	for want, wake := range map[error]func(w *world.World, k *socket.Socket){
		nil: func(w *world.World, _ *socket.Socket) {
			_, err := open(t, w.Stacks[0], dgram, 0).SendMsg(&socket.Message{Link: socket.LinkAddr{Protocol: testProto, IfIndex: eth0, HaLen: 6}}, 0)
			require.NoError(t, err)
		},
		syscall.ENETDOWN: func(w *world.World, _ *socket.Socket) { w.Stacks[1].Devices()[1].SetFlags(0, netdev.Up) },
		syscall.EBADF:    func(_ *world.World, k *socket.Socket) { _ = k.Close() },
	} {
		w := world.Pair(t)
		k := open(t, w.Stacks[1], raw, 0)
		require.NoError(t, k.BindLink(socket.LinkAddr{Protocol: testProto, IfIndex: eth0}))
		k.SetNonblock(false)
		w.Clock.Post(func() { wake(w, k) })
		_, err := k.Recv(make([]byte, 1), 0)
		require.Equal(t, want, err)
	}
}

func TestTheWayOfAFrameToASocketIsRecorded(t *testing.T) { // events packet.*
	p := world.NewPeer(t)
	k := open(t, p.S, raw, testProto)
	code, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 20}})
	require.NoError(t, err)
	require.NoError(t, k.AttachFilter(code))
	p.S.Tracer().Start(trace.Watch{Events: []trace.Event{trace.PacketLookup, trace.PacketFilter, trace.PacketClone, trace.PacketDeliver, trace.PacketTx}})
	p.SendRaw(frame(p, 46))
	p.Silent()
	read(t, k)
	_, err = k.SendMsg(&socket.Message{Data: p.Build(echo(p)...), Link: socket.LinkAddr{Protocol: testProto, IfIndex: eth0}}, 0)
	require.NoError(t, err)
	recs, _ := p.S.Tracer().Read(0, nil)
	args := map[trace.Event][4]uint32{}
	for _, r := range recs {
		args[r.Event] = r.Args
	}
	id := k.Ops().Common().ID
	require.Equal(t, map[trace.Event][4]uint32{
		trace.PacketLookup:  {testProto, uint32(skb.PacketHost), 1},
		trace.PacketFilter:  {id, 20},
		trace.PacketClone:   {id},
		trace.PacketDeliver: {id, 1},
		trace.PacketTx:      {id, testProto, 14 + 20 + 8 + 32},
	}, args)
	p.Take()
}
