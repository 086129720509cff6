package ministack_test

import (
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

func TestHandleUDPMakesAFlowOfEachPairOfAddresses(t *testing.T) {
	client, gateway := forwarderPair(t)
	gateway.HandleUDP(func(f *ministack.UDPFlow) {
		defer f.Close()
		b := make([]byte, 100)
		for {
			n, err := f.Read(b)
			if err != nil {
				return
			}
			_, _ = f.Write(append([]byte(f.LocalAddr().String()+" "), b[:n]...))
		}
	})
	for _, addr := range []string{"8.8.8.8:53", "9.9.9.9:53", world.Addr(1) + ":7"} {
		c, err := client.Dial("udp", addr)
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
		for _, text := range []string{"one", "two"} {
			_, err = io.WriteString(c, text)
			require.NoError(t, err)
			b := make([]byte, 100)
			n, err := c.Read(b)
			require.NoError(t, err)
			require.Equal(t, addr+" "+text, string(b[:n]))
		}
		require.NoError(t, c.Close())
	}
}

// talker sends datagrams to a stack that makes flows of them.
type talker struct {
	*world.Peer
	flows []*ministack.UDPFlow
}

func newTalker(t *testing.T, o ministack.UDPOptions) *talker {
	k := &talker{Peer: world.NewPeer(t)}
	everything(t, k.S, "eth0")
	k.S.HandleUDPWith(o, func(f *ministack.UDPFlow) { k.flows = append(k.flows, f) })
	k.Introduce()
	return k
}

func (k *talker) say(port uint16, text string) { k.sayTo(elsewhere, port, text) }

func (k *talker) sayTo(dst net.IP, port uint16, text string) {
	ip := k.IPv4(layers.IPProtocolUDP)
	ip.DstIP = dst
	uh := &layers.UDP{SrcPort: layers.UDPPort(port), DstPort: 4000}
	_ = uh.SetNetworkLayerForChecksum(ip)
	k.Send(k.Ether(layers.EthernetTypeIPv4), ip, uh, gopacket.Payload(text))
}

func heard(t *testing.T, f net.Conn) string {
	b := make([]byte, 2000)
	n, err := f.Read(b)
	require.NoError(t, err)
	return string(b[:n])
}

func TestAFlowHasTheDatagramsThatCameFirst(t *testing.T) {
	k := newTalker(t, ministack.UDPOptions{})
	k.say(5000, "first")
	k.say(5000, "second")
	k.say(5001, "another peer")
	require.Len(t, k.flows, 2)
	f := k.flows[0]
	require.Equal(t, "203.0.113.1:4000", f.LocalAddr().String())
	require.Equal(t, "10.0.0.9:5000", f.RemoteAddr().String())
	require.Equal(t, "first", heard(t, f))
	require.Equal(t, "second", heard(t, f))
	_, err := f.Write([]byte("answer"))
	require.NoError(t, err)
	pkt := k.One()
	require.Equal(t, "203.0.113.1->10.0.0.9", pkt.NetworkLayer().NetworkFlow().String())
	require.Equal(t, "answer", string(pkt.ApplicationLayer().Payload()))
	require.NoError(t, f.Close())
	k.say(5000, "anew")
	require.Len(t, k.flows, 3, "a closed flow is gone")
	require.Equal(t, "anew", heard(t, k.flows[2]))
}

// RFC 1122 4.1.3.1, from the address that was asked; RFC 1122 3.2.2 for many.
func TestARefusedFlowIsAnUnreachablePort(t *testing.T) {
	k := newTalker(t, ministack.UDPOptions{})
	k.say(5000, string(make([]byte, 1000)))
	require.NoError(t, k.flows[0].Refuse())
	pkt := k.One()
	require.Equal(t, "203.0.113.1->10.0.0.9", pkt.NetworkLayer().NetworkFlow().String())
	require.Equal(t, layers.CreateICMPv4TypeCode(3, 3), pkt.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4).TypeCode)
	require.LessOrEqual(t, len(pkt.Data()), 14+576)
	_, err := k.flows[0].Read(nil)
	require.ErrorIs(t, err, net.ErrClosed)
	for _, many := range []net.IP{net.IPv4bcast.To4(), net.IPv4(10, 0, 0, 255).To4(), net.IPv4(224, 0, 0, 1).To4()} {
		k.sayTo(many, 5000, "x")
	}
	require.Len(t, k.flows, 1, "what is sent to many is no flow's")
	k.S.HandleUDP(nil)
	k.say(5002, "x")
	require.NotNil(t, k.One().Layer(layers.LayerTypeICMPv4), "as before")
}

func TestASocketHasItsDatagramsBeforeAnyFlow(t *testing.T) {
	k := newTalker(t, ministack.UDPOptions{})
	u, err := k.S.ListenPacket("udp", ":4000")
	require.NoError(t, err)
	k.say(5000, "x")
	require.Empty(t, k.flows)
	_, from, err := u.ReadFrom(make([]byte, 9))
	require.NoError(t, err)
	require.Equal(t, "10.0.0.9:5000", from.String())
}

// RFC 4787 4.3: a flow ends when nothing has passed either way for a while.
func TestAFlowEndsWhenNothingPasses(t *testing.T) {
	k := newTalker(t, ministack.UDPOptions{})
	k.say(5000, "x")
	f := k.flows[0]
	k.Wait(100 * time.Second)
	_, err := f.Write([]byte("y")) // counts as well
	require.NoError(t, err)
	k.Wait(100 * time.Second)
	require.Equal(t, "x", heard(t, f))
	k.say(5000, "z")
	k.Wait(119 * time.Second)
	require.Equal(t, "z", heard(t, f))
	_, err = f.Read(make([]byte, 1)) // drives the clock on
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	_, err = f.Write([]byte("y"))
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
	k.Take()
	k.say(5000, "anew")
	require.Len(t, k.flows, 2)
	require.NoError(t, k.flows[1].SetIdleTimeout(time.Second))
	k.Wait(2 * time.Second)
	require.EqualValues(t, 1, k.S.Pool().Drops(skb.HandlerTimeout), "what nobody read")
	require.ErrorIs(t, f.SetIdleTimeout(0), syscall.EINVAL)
	require.NoError(t, f.Close())
	require.ErrorIs(t, f.Close(), net.ErrClosed)
}

func TestLimitsOnFlowsRecover(t *testing.T) {
	k := newTalker(t, ministack.UDPOptions{MaxFlows: 3, MaxPerSource: 2, Idle: 10 * time.Second})
	for port := uint16(5000); port < 5004; port++ {
		k.say(port, "x")
	}
	require.Len(t, k.flows, 2)
	require.EqualValues(t, 2, k.S.Pool().Drops(skb.HandlerFull))
	k.Silent("no error: the peer may try again")
	require.NoError(t, k.flows[0].Close())
	k.say(5002, "x")
	require.Len(t, k.flows, 3)
	k.Wait(11 * time.Second)
	k.say(5003, "x")
	k.say(5004, "x")
	require.Len(t, k.flows, 5)
}

// An ICMP error about what a flow sent is its user's (B47).
func TestAFlowLearnsOfICMPErrors(t *testing.T) {
	k := newTalker(t, ministack.UDPOptions{})
	k.say(5000, "x")
	_, err := k.flows[0].Write([]byte("y"))
	require.NoError(t, err)
	sent := k.One().Data()[14:]
	k.Send(k.Ether(layers.EthernetTypeIPv4), func() *layers.IPv4 {
		ip := k.IPv4(layers.IPProtocolICMPv4)
		ip.DstIP = elsewhere
		return ip
	}(), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 3)}, gopacket.Payload(sent))
	_, err = k.flows[0].Write([]byte("y"))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestCloseEndsFlows(t *testing.T) {
	before := runtime.NumGoroutine()
	client, gateway := forwarderPair(t)
	errs := make(chan error, 1)
	gateway.HandleUDP(func(f *ministack.UDPFlow) {
		_, _ = f.Read(make([]byte, 9))
		_, err := f.Read(make([]byte, 9))
		errs <- err
	})
	c, err := client.Dial("udp", "8.8.8.8:53")
	require.NoError(t, err)
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	for len(gateway.UDPSockets()) == 0 {
		time.Sleep(time.Millisecond)
	}
	closeAndCount(t, gateway)
	require.ErrorIs(t, <-errs, net.ErrClosed)
	closeAndCount(t, client)
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
}

func TestAFlowHasDeadlines(t *testing.T) {
	k := newTalker(t, ministack.UDPOptions{})
	k.say(5000, "x")
	f := k.flows[0]
	heard(t, f)
	require.NoError(t, f.SetReadDeadline(k.Clock.Wall().Add(time.Second)))
	_, err := f.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	v, err := f.Socket().Getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
	require.NoError(t, err)
	require.Equal(t, socket.SOCK_DGRAM, v)
}
