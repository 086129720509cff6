package ministack_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// vetoed returns a stack that accepts anything and asks what a verdict says.
func vetoed(t *testing.T, v ministack.ICMPVerdict) (*world.Peer, *[]*ministack.ICMPMessage) {
	p := world.NewPeer(t)
	everything(t, p.S, "eth0")
	p.Introduce()
	asked := &[]*ministack.ICMPMessage{}
	p.S.HandleICMP(func(m *ministack.ICMPMessage) ministack.ICMPVerdict {
		*asked = append(*asked, m)
		return v
	})
	return p, asked
}

func TestTheICMPHandlerMayLetTheStackAnswer(t *testing.T) {
	p, asked := vetoed(t, ministack.ICMPPass)
	echoTo(p, elsewhere)
	require.Len(t, *asked, 1)
	m := (*asked)[0]
	require.Equal(t, "10.0.0.9", m.Src.String())
	require.Equal(t, "203.0.113.1", m.Dst.String())
	require.Equal(t, "data", string(m.Data[8:]))
	require.Equal(t, "203.0.113.1->10.0.0.9", p.One().NetworkLayer().NetworkFlow().String())
	p.S.HandleICMP(nil)
	echoTo(p, elsewhere)
	require.Len(t, *asked, 1)
	p.One()
}

func TestTheICMPHandlerMayVeto(t *testing.T) {
	p, _ := vetoed(t, ministack.ICMPVeto)
	echoTo(p, elsewhere)
	echoTo(p, world.StackIP)
	p.Silent()
	require.EqualValues(t, 2, p.S.Pool().Drops(skb.HandlerRefused))
}

// A forwarder asks the real host, and answers when it knows (RFC 1122 3.2.2.6), or
// says that the host is unreachable (RFC 1812 4.3.3.1).
func TestTheICMPHandlerMayAnswerLater(t *testing.T) {
	p, asked := vetoed(t, ministack.ICMPTake)
	echoTo(p, elsewhere)
	p.Silent()
	m := (*asked)[0]
	require.NoError(t, m.Reply())
	pkt := p.One()
	require.Equal(t, "203.0.113.1->10.0.0.9", pkt.NetworkLayer().NetworkFlow().String())
	echo := pkt.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	require.Equal(t, layers.CreateICMPv4TypeCode(0, 0), echo.TypeCode)
	require.EqualValues(t, 1, echo.Id)
	require.Equal(t, "data", string(echo.Payload))
	m.Unreachable()
	pkt = p.One()
	require.Equal(t, layers.CreateICMPv4TypeCode(3, 1), pkt.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4).TypeCode)
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.DstIP = net.IPv4(203, 0, 113, 1)
	p.Send(p.Ether(layers.EthernetTypeIPv4), ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(13, 0)}, gopacket.Payload(make([]byte, 12)))
	require.ErrorIs(t, (*asked)[1].Reply(), syscall.EINVAL, "only an echo request is answered so")
	p.Silent()
}
