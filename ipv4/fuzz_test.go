package ipv4_test

import (
	"encoding/binary"
	"testing"

	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
)

// Whatever comes in, nothing panics, every buffer meets one fate, and what the
// stack answers can be read by gopacket: the world checks the latter two.

// FuzzInput has the stack receive any packet with a right header checksum.
func FuzzInput(f *testing.F) {
	f.Add([]byte("\x45\x00\x00\x1c\x00\x01\x00\x00\x40\x01\x00\x00\x0a\x00\x00\x09\x0a\x00\x00\x01\x08\x00\xf7\xff\x00\x00\x00\x00"), false)
	f.Add([]byte("\x46\x00\x00\x18\x00\x01\x20\x00\x01\xfd\x00\x00\x0a\x00\x00\x09\xc0\x00\x02\x01\x94\x04\x00\x00"), true)
	f.Fuzz(func(t *testing.T, packet []byte, forward bool) {
		p := world.NewPeer(t)
		p.Introduce()
		if forward {
			_ = p.S.SetSysctl("net.ipv4.ip_forward", "1")
		}
		if h := ipv4.Header(packet); h.Valid() {
			if forward && h.Dst() == addr("10.0.0.9") {
				return // it comes back to the peer as it is, and gopacket does not read everything
			}
			packet = append([]byte(nil), packet...)
			if h.Total() > len(packet) {
				binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
			}
			fixHeader(packet)
		}
		if len(packet) > 1500 {
			return
		}
		p.SendRaw(append(p.Build(p.Ether(layers.EthernetTypeIPv4))[:14], packet...))
		p.Take()
	})
}

// FuzzOptions puts any options into an echo request, for us or to be forwarded.
func FuzzOptions(f *testing.F) {
	f.Add([]byte{7, 7, 4, 0, 0, 0, 0, 0}, false)
	f.Add([]byte{68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}, true)
	f.Add([]byte{68, 12, 5, 3, 10, 0, 0, 1, 0, 0, 0, 0}, false)
	f.Add([]byte{131, 7, 4, 10, 0, 0, 2, 1}, false)
	f.Fuzz(func(t *testing.T, options []byte, forward bool) {
		options = options[:min(len(options), 40)]
		options = append(append([]byte(nil), options...), make([]byte, (4-len(options)%4)%4)...)
		p := world.NewPeer(t)
		ip := p.IPv4(layers.IPProtocolICMPv4)
		if !forward {
			p.Introduce()
		} else { // to nobody who answers: gopacket does not read every option that is sent on
			_ = p.S.SetSysctl("net.ipv4.ip_forward", "1")
			_ = p.S.AddRoute(pfx("0.0.0.0/0"), addr("10.0.0.9"), "")
			ip.DstIP = []byte{192, 0, 2, 1}
		}
		plain := echoTo(p, ip, 8)
		frame := append(append(append([]byte(nil), plain[:34]...), options...), plain[34:]...)
		h := frame[14:]
		h[0], h[3] = 0x45+byte(len(options)/4), byte(len(h))
		fixHeader(h)
		p.SendRaw(frame)
		p.Take()
	})
}

// FuzzReassembly sends fragments of one datagram: of each three bytes the first
// is the offset, the second the length, in units of eight, the third says
// whether more follow, which of four datagrams it is, and how ECN stands.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{0, 2, 1, 2, 2, 1, 4, 2, 0})
	f.Add([]byte{4, 2, 0, 2, 2, 1, 0, 2, 1})
	f.Add([]byte{0, 4, 1, 2, 4, 1, 6, 1, 0})
	f.Add([]byte{0, 2, 9, 2, 2, 24, 2, 2, 24})
	f.Fuzz(func(t *testing.T, script []byte) {
		p := world.NewPeer(t)
		p.Introduce()
		whole := echoTo(p, p.IPv4(layers.IPProtocolICMPv4), 200)
		for ; len(script) >= 3; script = script[3:] {
			off, n, flags := int(script[0])*8, int(script[1]%100)*8, script[2]
			more := uint16(flags&1) << 13
			frame := fragment(whole[:34], make([]byte, n), off, more)
			frame[14+5], frame[14+1] = flags>>1&3, flags>>3&3
			fixHeader(frame[14:])
			p.SendRaw(frame)
		}
		p.Wait(31e9)
		p.Take()
		if p.S.Pool().Count().Live > 3 { // an ARP entry may hold a few
			t.Fatalf("fragments are held after their time: %d, %d timed out", p.S.Pool().Count().Live, p.S.Pool().Drops(skb.FragReasmTimeout))
		}
	})
}
