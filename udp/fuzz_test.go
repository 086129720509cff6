package udp_test

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/test/world"
)

// FuzzInput feeds any UDP header and payload behind a valid IPv4 header, to an
// open port and through it to the ICMP error path. Whatever comes, each buffer
// meets one fate (the end of every world checks it), and what is sent back is
// readable.
func FuzzInput(f *testing.F) {
	f.Add([]byte{3, 232, 0, 9, 0, 13, 0, 0, 'd', 'a', 't', 'a', '!'}, byte(17), false)
	f.Add([]byte{3, 232, 0, 8, 0, 8, 0, 0}, byte(17), false)
	f.Add([]byte{3, 232, 0, 9, 0, 7, 0, 0}, byte(17), true)
	f.Add([]byte{3, 3, 0, 0, 0, 0, 0, 0, 0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 9, 0, 9, 3, 232, 0, 9, 0, 0}, byte(1), false)
	f.Fuzz(func(t *testing.T, data []byte, proto byte, broadcast bool) {
		if len(data) > 1400 {
			return
		}
		p := world.NewPeer(t)
		p.Introduce()
		k := open(t, p.S, "0.0.0.0:9")
		ip := p.IPv4(layers.IPProtocol(proto))
		if broadcast {
			ip.DstIP = []byte{10, 0, 0, 255}
		}
		p.Send(p.Ether(layers.EthernetTypeIPv4), ip, gopacket.Payload(data))
		_, _ = poll(k)
		p.Take()
	})
}
