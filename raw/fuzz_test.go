package raw_test

import (
	"testing"

	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
)

// FuzzSend sends anything with IP_HDRINCL, to the peer, to many and to the host
// itself. Whatever it is, each buffer meets one fate (the end of every world
// checks it), what leaves has a header whose lengths and checksum are right, and
// what comes back to the host panics nothing.
func FuzzSend(f *testing.F) {
	f.Add(header(1, "10.0.0.9", 8), byte(0))
	f.Add(header(255, "127.0.0.1", 1480), byte(1))
	f.Add(append([]byte{0x4f}, header(6, "10.0.0.1", 60)[1:]...), byte(2))
	f.Add(append([]byte{0x75, 1, 2, 3, 4, 5, 0x20, 9}, header(17, "224.0.0.1", 20)[8:]...), byte(3))
	f.Add(header(253, "10.0.0.255", 1481), byte(4))
	f.Fuzz(func(t *testing.T, packet []byte, where byte) {
		p := world.NewPeer(t)
		p.Introduce()
		p.S.Link().AddTap(&link.Tap{Deliver: func(_ *netdev.Device, b *skb.Buffer) {
			if b.Type == skb.PacketOutgoing && b.EtherType == link.TypeIPv4 {
				checkHeader(t, b.Bytes())
			}
			b.Consume()
		}})
		k := open(t, p.S, socket.IPPROTO_RAW)
		set(t, k, socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
		set(t, k, socket.SOL_IP, socket.IP_RECVERR, int(where>>7))
		to := []string{"10.0.0.9", "127.0.0.1", "10.0.0.1", "224.0.0.1", "10.0.0.255", "10.0.0.7"}
		n, err := k.SendTo(packet, 0, at(to[int(where&0x7f)%len(to)]))
		if err == nil && n != len(packet) {
			t.Fatalf("%d of %d bytes", n, len(packet))
		}
		p.Clock.Run(4e9)
		_, _ = read(k)
	})
}

// checkHeader demands of a packet what the stack fills in.
func checkHeader(t *testing.T, ip []byte) {
	hlen, total, sum := int(ip[0]&15)*4, int(ip[2])<<8|int(ip[3]), 0
	if total != len(ip) {
		t.Fatalf("total length %d of %d bytes", total, len(ip))
	}
	for i := 0; i < hlen; i += 2 {
		sum += int(ip[i])<<8 | int(ip[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	if sum != 0xffff {
		t.Fatalf("header checksum: %#x", sum)
	}
}
