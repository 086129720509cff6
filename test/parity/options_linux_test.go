package parity

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// B34: an echo reply brings the request's record route and timestamps back,
// with the host's entry of the way in and that of the way out.
func TestOptionsOfAnEcho(t *testing.T) {
	for name, c := range map[string]struct{ sent, want []byte }{
		"record route, no room":  {[]byte{7, 3, 4, 0}, []byte{7, 3, 4, 0}},
		"record route, one slot": {[]byte{7, 7, 4, 0, 0, 0, 0, 0}, []byte{7, 7, 8, 10, 8, 0, 1, 0}},
		"record route, three": {[]byte{7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			[]byte{7, 15, 12, 10, 8, 0, 1, 10, 8, 0, 1, 0, 0, 0, 0, 0}},
		"timestamps, no room":        {[]byte{68, 4, 5, 0}, []byte{68, 4, 5, 0x10}},
		"timestamps, another's turn": {[]byte{68, 12, 5, 3, 192, 0, 2, 1, 0, 0, 0, 0}, []byte{68, 12, 5, 3, 192, 0, 2, 1, 0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, h *host) {
				ip := h.ipv4(layers.IPProtocolICMPv4)
				ip.Options = []layers.IPv4Option{{OptionType: c.sent[0], OptionLength: c.sent[1], OptionData: c.sent[2:c.sent[1]]}}
				h.send(h.ether(layers.EthernetTypeIPv4), ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, gopacket.Payload("x"))
				reply := h.expect(icmp(0, 0)).Layer(layers.LayerTypeIPv4).(*layers.IPv4)
				require.Equal(t, c.want, reply.Contents[20:])
			})
		})
	}
}

// The same for timestamps, of which only the number is the same on every run.
func TestTimestampsOfAnEcho(t *testing.T) {
	for name, c := range map[string]struct {
		sent    []byte
		pointer byte
	}{
		"two times":   {[]byte{68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 13},
		"one time":    {[]byte{68, 8, 5, 0, 0, 0, 0, 0}, 9},
		"one of two":  {[]byte{68, 12, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 13},
		"and address": {[]byte{68, 20, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 21},
		"our turn":    {[]byte{68, 12, 5, 3, 10, 8, 0, 1, 0, 0, 0, 0}, 13},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, h *host) {
				ip := h.ipv4(layers.IPProtocolICMPv4)
				ip.Options = []layers.IPv4Option{{OptionType: c.sent[0], OptionLength: c.sent[1], OptionData: c.sent[2:c.sent[1]]}}
				h.send(h.ether(layers.EthernetTypeIPv4), ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, gopacket.Payload("x"))
				reply := h.expect(icmp(0, 0)).Layer(layers.LayerTypeIPv4).(*layers.IPv4)
				require.Equal(t, c.pointer, reply.Contents[22])
			})
		})
	}
}
