package ipv4_test

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

func withOption(p *world.Peer, typ uint8, data ...byte) *layers.IPv4 {
	ip := p.IPv4(layers.IPProtocolICMPv4)
	ip.Options = []layers.IPv4Option{{OptionType: typ, OptionLength: uint8(2 + len(data)), OptionData: data}}
	return ip
}

// sinceMidnight is what a timestamp says now (RFC 791 3.1).
func sinceMidnight(p *world.Peer) uint32 {
	now := p.Clock.Wall()
	return uint32(now.Sub(now.Truncate(24 * time.Hour)).Milliseconds())
}

func TestTimestampOptionsComeBackFilled(t *testing.T) { // B34, RFC 791 3.1
	own, other := []byte{10, 0, 0, 1}, []byte{10, 9, 9, 9}
	zeros := func(n int) []byte { return make([]byte, n) }
	for name, c := range map[string]struct {
		data    []byte
		pointer byte
		filled  int // offset in data of the time, 0: none
	}{
		"times only":             {append([]byte{5, 0}, zeros(8)...), 13, 2}, // of the way in, and of the way out
		"second slot":            {append([]byte{9, 0}, zeros(8)...), 13, 6},
		"with address":           {append([]byte{5, 1}, zeros(8)...), 13, 6},
		"prespecified, ours":     {append(append([]byte{5, 3}, own...), zeros(4)...), 13, 6},
		"prespecified, another":  {append(append([]byte{5, 3}, other...), zeros(4)...), 5, 0},
		"a kind nobody assigned": {append([]byte{5, 7}, zeros(8)...), 5, 0},
	} {
		p := world.NewPeer(t)
		p.Introduce()
		p.SendRaw(echoTo(p, withOption(p, 68, c.data...), 8))
		got := ipOf(p.One()).Options[0].OptionData
		require.Equal(t, c.pointer, got[0], name)
		if c.filled == 0 {
			require.Equal(t, c.data, got, name)
			continue
		}
		require.Equal(t, sinceMidnight(p), binary.BigEndian.Uint32(got[c.filled:]), name)
		if c.data[1] == 1 {
			require.Equal(t, own, got[2:6], name)
		}
	}
}

func TestATimestampWithoutRoomCountsTheOverflow(t *testing.T) { // B34
	p := world.NewPeer(t)
	p.Introduce()
	p.SendRaw(echoTo(p, withOption(p, 68, 9, 0x20, 1, 2, 3, 4), 8))
	require.EqualValues(t, 0x30, ipOf(p.One()).Options[0].OptionData[1])
	p.SendRaw(echoTo(p, withOption(p, 68, 9, 0xf0, 1, 2, 3, 4), 8))
	i := icmpOf(p.One())
	require.Equal(t, layers.CreateICMPv4TypeCode(12, 0), i.TypeCode, "sixteen are too many")
	require.EqualValues(t, 23, i.Id>>8)
}

func TestEachMalformedOptionIsPointedAt(t *testing.T) { // B34
	for name, c := range map[string]struct {
		options []layers.IPv4Option
		at      uint16
	}{
		"length past the header":  {[]layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}}}, 20},
		"pointer into the head":   {[]layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{3, 0, 0, 0, 0}}}, 22},
		"slot half outside":       {[]layers.IPv4Option{{OptionType: 7, OptionLength: 8, OptionData: []byte{8, 0, 0, 0, 0, 0}}}, 22},
		"time pointer too low":    {[]layers.IPv4Option{{OptionType: 68, OptionLength: 8, OptionData: []byte{4, 0, 0, 0, 0, 0}}}, 22},
		"address and time, short": {[]layers.IPv4Option{{OptionType: 68, OptionLength: 8, OptionData: []byte{5, 1, 0, 0, 0, 0}}}, 22},
		"after two that are fine": {[]layers.IPv4Option{{OptionType: 1}, {OptionType: 7, OptionLength: 3, OptionData: []byte{0}}}, 23},
		"a source route's":        {[]layers.IPv4Option{{OptionType: 131, OptionLength: 7, OptionData: []byte{0, 0, 0, 0, 0}}}, 22},
	} {
		p := world.NewPeer(t)
		p.Introduce()
		ip := p.IPv4(layers.IPProtocolICMPv4)
		ip.Options = c.options
		frame := echoTo(p, ip, 8)
		if name == "length past the header" {
			frame[14+21] = 40
			fixHeader(frame[14:])
		}
		p.SendRaw(frame)
		i := icmpOf(p.One())
		require.Equal(t, layers.CreateICMPv4TypeCode(12, 0), i.TypeCode, name)
		require.Equal(t, c.at, i.Id>>8, name)
		require.EqualValues(t, 1, p.S.Pool().Drops(skb.IPOptions), name)
	}
}

func TestSourceRoutesAreRefusedInSilence(t *testing.T) { // B34: accept_source_route is off
	for _, typ := range []uint8{131, 137} {
		p := world.NewPeer(t)
		p.Introduce()
		p.SendRaw(echoTo(p, withOption(p, typ, 4, 10, 0, 0, 77), 8))
		p.Silent()
		require.EqualValues(t, 1, p.S.Pool().Drops(skb.IPOptions))
	}
}

func TestARouterRecordsTheAddressItForwardsBy(t *testing.T) { // RFC 1812 5.2.4.1
	p, d := router(t)
	p.Introduce()
	ip := through(p)
	ip.Options = []layers.IPv4Option{
		{OptionType: 7, OptionLength: 11, OptionData: []byte{8, 1, 2, 3, 4, 0, 0, 0, 0}},
		{OptionType: 68, OptionLength: 12, OptionData: []byte{5, 1, 0, 0, 0, 0, 0, 0, 0, 0}},
	}
	p.SendRaw(echoTo(p, ip, 8))
	out := far(t, p, d)
	require.Len(t, out, 1)
	options := ipOf(out[0]).Options
	require.Equal(t, []byte{12, 1, 2, 3, 4, 10, 2, 0, 1}, options[0].OptionData)
	require.Equal(t, []byte{13, 1, 10, 2, 0, 1}, options[1].OptionData[:6])
	require.Equal(t, sinceMidnight(p), binary.BigEndian.Uint32(options[1].OptionData[6:]))
	require.Equal(t, net.IPv4(10, 0, 0, 9).To4(), ipOf(out[0]).SrcIP.To4())
}

func TestOnlyCopiedOptionsAreInLaterFragments(t *testing.T) { // RFC 791 3.1
	p, d := router(t)
	p.Introduce()
	ip := through(p)
	ip.Options = []layers.IPv4Option{
		{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}},
		{OptionType: 1},
		{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}, // router alert
	}
	p.SendRaw(echoTo(p, ip, 1200))
	out := far(t, p, d)
	require.Len(t, out, 2)
	require.EqualValues(t, 8, ipOf(out[0]).IHL)
	second := ipOf(out[1])
	require.EqualValues(t, 6, second.IHL)
	require.EqualValues(t, 148, second.Options[0].OptionType)
}
