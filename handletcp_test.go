package ministack_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// everything makes the device of a stack take and send what it likes.
func everything(t testing.TB, s *ministack.Stack, dev string) {
	require.NoError(t, s.SetPromiscuousMode(dev, true))
	require.NoError(t, s.SetSpoofing(dev, true))
}

// forwarderPair returns a client whose default route leads to a stack that
// accepts anything, both on the real clock.
func forwarderPair(t *testing.T) (client, gateway *ministack.Stack) {
	client, gateway = pair(t)
	require.NoError(t, client.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr(world.Addr(1)), ""))
	everything(t, gateway, "eth0")
	return client, gateway
}

func TestHandleTCPAcceptsConnectionsToAnyAddress(t *testing.T) {
	client, gateway := forwarderPair(t)
	gateway.HandleTCP(func(r *ministack.TCPRequest) {
		want := r.LocalAddr().String()
		c, err := r.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if c.LocalAddr().String() != want || c.RemoteAddr().String() != r.RemoteAddr().String() {
			return
		}
		_, _ = io.WriteString(c, want+"\n")
		_, _ = io.Copy(c, c)
	})
	for _, addr := range []string{"93.184.216.34:80", "8.8.8.8:53", world.Addr(1) + ":9"} {
		c, err := client.Dial("tcp", addr)
		require.NoError(t, err)
		_, err = io.WriteString(c, "hello")
		require.NoError(t, err)
		require.NoError(t, c.(*ministack.Conn).CloseWrite())
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, addr+"\nhello", string(got))
		require.NoError(t, c.Close())
	}
}

func TestHandleTCPLeavesListenersTheirConnections(t *testing.T) {
	client, gateway := forwarderPair(t)
	l, err := gateway.Listen("tcp", ":80")
	require.NoError(t, err)
	gateway.HandleTCP(func(r *ministack.TCPRequest) { _ = r.Reset() })
	c, err := client.Dial("tcp", "192.0.2.7:80") // a listener on any address gets all of them
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	require.Equal(t, "192.0.2.7:80", s.LocalAddr().String())
	require.NoError(t, c.Close())
	_, err = client.Dial("tcp", "192.0.2.7:81")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	gateway.HandleTCP(nil)
	_, err = client.Dial("tcp", "192.0.2.7:82")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "reset as before, from the address that was asked for")
}

// asker sends SYNs to a stack that shows them to a handler.
type asker struct {
	*world.Peer
	requests []*ministack.TCPRequest
}

func newAsker(t *testing.T, o ministack.TCPOptions) *asker {
	a := &asker{Peer: world.NewPeer(t)}
	everything(t, a.S, "eth0")
	a.S.HandleTCPWith(o, func(r *ministack.TCPRequest) { a.requests = append(a.requests, r) })
	a.Introduce()
	return a
}

// segment sends one from the peer's port to 203.0.113.1:443.
func (a *asker) segment(port uint16, set func(*layers.TCP)) {
	ip := a.IPv4(layers.IPProtocolTCP)
	ip.DstIP = net.IPv4(203, 0, 113, 1)
	th := &layers.TCP{SrcPort: layers.TCPPort(port), DstPort: 443, Seq: 1000, Window: 65535}
	set(th)
	_ = th.SetNetworkLayerForChecksum(ip)
	a.Send(a.Ether(layers.EthernetTypeIPv4), ip, th)
}

func syn(th *layers.TCP) { th.SYN = true }

func (a *asker) drops(r skb.Reason) int64 { return a.S.Pool().Drops(r) }

// answer returns the only segment that the stack sent.
func (a *asker) answer() *layers.TCP {
	pkt := a.One()
	require.Equal(a.T, "203.0.113.1", pkt.NetworkLayer().NetworkFlow().Src().String())
	return pkt.Layer(layers.LayerTypeTCP).(*layers.TCP)
}

func TestARequestHasItsAddressesBeforeTheHandshake(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{})
	a.segment(5000, syn)
	a.Silent("nothing is answered before the handler decides")
	require.Len(t, a.requests, 1)
	require.Equal(t, "203.0.113.1:443", a.requests[0].LocalAddr().String())
	require.Equal(t, "10.0.0.9:5000", a.requests[0].RemoteAddr().String())
	require.NoError(t, a.requests[0].Context().Err())
}

func TestARepeatedSynMakesNoSecondRequest(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{})
	for range 4 {
		a.segment(5000, syn)
		a.Wait(time.Second)
	}
	a.segment(5000, func(th *layers.TCP) { th.SYN, th.Seq = true, 77 })
	a.Silent()
	require.Len(t, a.requests, 1)
	require.EqualValues(t, 3, a.drops(skb.HandlerBusy))
	require.EqualValues(t, 1, a.drops(skb.TCPInvalidSyn))
	require.NoError(t, a.requests[0].Reset())
	th := a.answer()
	require.True(t, th.RST && th.ACK)
	require.EqualValues(t, 1001, th.Ack)
	a.segment(5000, syn)
	require.Len(t, a.requests, 2, "a decided request is no obstacle to the next")
	require.NoError(t, a.requests[1].Drop())
	a.Silent("a dropped SYN has no answer")
	require.EqualValues(t, 2, a.drops(skb.HandlerRefused))
	require.ErrorIs(t, a.requests[1].Reset(), syscall.EALREADY)
	_, err := a.requests[1].Accept()
	require.ErrorIs(t, err, syscall.EALREADY)
}

// RFC 5961 3.2: only a reset at the expected number counts.
func TestARequestEndsByThePeersReset(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{})
	a.segment(5000, syn)
	a.segment(5000, func(th *layers.TCP) { th.RST, th.Seq = true, 900 })
	require.NoError(t, a.requests[0].Context().Err(), "a reset that missed")
	a.segment(5000, func(th *layers.TCP) { th.RST, th.Seq = true, 1001 })
	require.ErrorIs(t, a.requests[0].Context().Err(), context.Canceled)
	_, err := a.requests[0].Accept()
	require.ErrorIs(t, err, syscall.ECONNRESET)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	a.Silent()
}

// A peer repeats its SYN at doubling intervals (RFC 6298 5.5): silence tells
// that it has gone.
func TestARequestEndsWhenItsPeerFallsSilent(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{})
	a.segment(5000, syn)
	a.Wait(9 * time.Second)
	require.NoError(t, a.requests[0].Context().Err())
	a.Wait(2 * time.Second)
	require.Error(t, a.requests[0].Context().Err())
	require.EqualValues(t, 1, a.drops(skb.HandlerTimeout))
	_, err := a.requests[0].Accept()
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	a.segment(6000, syn)
	for _, gap := range []time.Duration{1, 2, 4, 8, 16, 32} {
		a.Wait(gap * time.Second)
		a.segment(6000, syn)
	}
	require.NoError(t, a.requests[1].Context().Err(), "it asks still")
	a.Wait(time.Minute)
	require.Error(t, a.requests[1].Context().Err(), "2 minutes are the end in any case")
}

func TestLimitsOnRequestsInFlightRecover(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{MaxInFlight: 3, MaxPerSource: 2})
	for port := uint16(5000); port < 5004; port++ {
		a.segment(port, syn)
	}
	require.Len(t, a.requests, 2, "two of one source")
	require.EqualValues(t, 2, a.drops(skb.HandlerFull))
	a.segment(5000, func(th *layers.TCP) { th.RST, th.Seq = true, 1001 })
	a.segment(5002, syn)
	require.Len(t, a.requests, 3, "a reset gives its place back")
	require.NoError(t, a.requests[1].Reset())
	require.NoError(t, a.requests[2].Drop())
	a.Take()
	a.segment(5004, syn)
	a.segment(5005, syn)
	require.Len(t, a.requests, 5)
	a.Wait(11 * time.Second)
	a.segment(5006, syn)
	a.segment(5007, syn)
	require.Len(t, a.requests, 7, "those that fell silent gave theirs back")
}

// accepted is what came of AcceptFunc.
type accepted struct {
	conn net.Conn
	err  error
	done bool
}

func (a *asker) accept(r *ministack.TCPRequest) *accepted {
	got := &accepted{}
	r.AcceptFunc(func(c net.Conn, err error) { *got = accepted{c, err, true} })
	a.Clock.Run(0)
	return got
}

// synAck is the stack's answer.
func (a *asker) synAck() *layers.TCP {
	th := a.answer()
	require.True(a.T, th.SYN && th.ACK)
	require.EqualValues(a.T, 1001, th.Ack)
	return th
}

func (a *asker) ack(port uint16, sa *layers.TCP) {
	a.segment(port, func(th *layers.TCP) { th.ACK, th.Seq, th.Ack = true, 1001, sa.Seq+1 })
}

func TestAcceptCompletesTheHandshake(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{MaxInFlight: 1})
	a.segment(5000, syn)
	got := a.accept(a.requests[0])
	sa := a.synAck()
	a.segment(5000, syn)
	require.Equal(t, sa.Seq, a.synAck().Seq, "a SYN that comes again now is answered again")
	a.segment(5001, syn)
	require.EqualValues(t, 1, a.drops(skb.HandlerFull), "in flight until the handshake is done")
	require.False(t, got.done)
	a.ack(5000, sa)
	require.NoError(t, got.err)
	c := got.conn
	require.Equal(t, "203.0.113.1:443", c.LocalAddr().String())
	a.segment(5001, syn)
	require.Len(t, a.requests, 2)
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	require.Equal(t, "x", string(a.answer().Payload))
}

func TestAcceptFailsWhenThePeerResetsTheHandshake(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{})
	a.segment(5000, syn)
	got := a.accept(a.requests[0])
	a.synAck()
	a.segment(5000, func(th *layers.TCP) { th.RST, th.Seq = true, 1001 })
	require.ErrorIs(t, got.err, syscall.ECONNRESET)
}

func TestAcceptFailsWhenThePeerIsSilent(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{})
	require.NoError(t, a.S.SetSysctl("net.ipv4.tcp_synack_retries", "2"))
	a.segment(5000, syn)
	_, err := a.requests[0].Accept() // drives the clock
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	synAcks := 0
	for _, pkt := range a.Take() {
		synAcks += len(pkt.Data()) / 58 // beside ARP requests
	}
	require.Equal(t, 3, synAcks)
}

func TestCloseEndsRequestsInFlight(t *testing.T) {
	client, gateway := forwarderPair(t)
	requests := make(chan *ministack.TCPRequest, 2)
	gateway.HandleTCP(func(r *ministack.TCPRequest) { requests <- r })
	dialled := make(chan error, 1)
	go func() { _, err := client.Dial("tcp", "192.0.2.1:1"); dialled <- err }()
	r := <-requests
	closeAndCount(t, gateway)
	<-r.Context().Done()
	_, err := r.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, r.Reset(), net.ErrClosed)
	closeAndCount(t, client)
	require.Error(t, <-dialled)
}

// The peer and the stack close at once (RFC 9293 figure 13).
func TestAnAcceptedConnectionClosesFromBothSidesAtOnce(t *testing.T) {
	a := newAsker(t, ministack.TCPOptions{})
	a.segment(5000, syn)
	got := a.accept(a.requests[0])
	sa := a.synAck()
	require.False(t, got.done)
	a.ack(5000, sa)
	require.NoError(t, got.err)
	c := got.conn
	require.NoError(t, c.Close())
	require.True(t, a.answer().FIN)
	a.segment(5000, func(th *layers.TCP) { th.FIN, th.ACK, th.Seq, th.Ack = true, true, 1001, sa.Seq+1 })
	require.EqualValues(t, 1002, a.answer().Ack)
	a.segment(5000, func(th *layers.TCP) { th.ACK, th.Seq, th.Ack = true, 1002, sa.Seq+2 })
	a.Silent()
	a.segment(5000, func(th *layers.TCP) { th.SYN, th.Seq = true, 1<<20 })
	require.Len(t, a.requests, 2, "TIME-WAIT gives way to a new incarnation (RFC 9293 3.6.1)")
}
