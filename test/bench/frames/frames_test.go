package frames

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/slankdev/ministack/test/bench/link"
)

// paper is a device that sends nothing: what is queued can be looked at.
func paper(t *testing.T, name string) *Device {
	t.Helper()
	specs, err := link.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	d := &Device{Link: specs[0], own: netip.MustParseAddr(link.Guest).As4(), other: netip.MustParseAddr(link.Host).As4(), mac: make([]byte, 6)}
	d.measure()
	return d
}

// last is the frame that was queued last, without what is before the IP packet.
func (d *Device) last() []byte {
	iov := d.out.iov[d.n-1]
	return d.out.head[d.n-1][d.front:iov[0].Len]
}

func TestWhatIsSentCanBeParsed(t *testing.T) {
	for _, name := range []string{"tap", "tap-vnet", "tun", "tun-vnet", "packet-gso"} {
		d := paper(t, name)
		d.SendSegment(Segment{Src: 1, Dst: 2, Seq: 3, Ack: 4, Flags: SYN | ACK, Window: 5, Options: SynOptions(1460, 9)}, []byte("odd"))
		p, ok := parse(d.last())
		if !ok || p.Proto != TCP || p.Seq() != 3 || p.Ack() != 4 || !p.Has(SYN) || p.Has(FIN) || p.Window() != 5 || p.Scale() != 9 || string(p.Payload) != "odd" {
			t.Errorf("%s: %+v", name, p)
		}
		if src, dst := p.Ports(); src != 1 || dst != 2 {
			t.Errorf("%s: ports %d and %d", name, src, dst)
		}
	}
}

// A sum over what carries its checksum is all ones.
func TestChecksumsAreFinished(t *testing.T) {
	d := paper(t, "tap")
	d.SendSegment(Segment{Src: 1, Dst: 2, Flags: ACK}, []byte("odd"))
	p, _ := parse(d.last())
	if s := fold(sum(p.IP[:IPLen], 0)); s != 0xffff {
		t.Errorf("IP: %#x", s)
	}
	if s := fold(sum(p.L4, d.pseudo(TCP, len(p.L4)))); s != 0xffff {
		t.Errorf("TCP: %#x", s)
	}
	zeros := make([]byte, 1460)
	d.SendZeros(Segment{Src: 1, Dst: 2, Flags: ACK}, zeros, 1460)
	whole := append(bytes.Clone(d.last()), zeros...)
	p, _ = parse(whole)
	if s := fold(sum(p.L4, d.pseudo(TCP, len(p.L4)))); s != 0xffff || len(p.Payload) != 1460 {
		t.Errorf("TCP with zeros: %#x, %d bytes", s, len(p.Payload))
	}
}

func TestAnEchoRequestIsAnsweredWithItsData(t *testing.T) {
	d := paper(t, "tap")
	request := append([]byte{8, 0, 0, 0, 1, 2, 3, 4}, "data"...)
	d.Pong(Packet{Proto: ICMP, L4: request})
	p, ok := parse(d.last())
	if !ok || p.L4[0] != 0 || !bytes.Equal(p.L4[4:], request[4:]) || fold(sum(p.L4, 0)) != 0xffff {
		t.Errorf("%+v", p)
	}
}

func TestASuperSegmentIsDescribed(t *testing.T) {
	d := paper(t, "tap-vnet")
	d.SendZeros(Segment{}, make([]byte, 60000), 1460)
	h := d.out.head[0][:vnetLen]
	if want := []byte{1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0}; !bytes.Equal(h, want) {
		t.Errorf("%v, want %v", h, want)
	}
}

func TestOddPacketsAreNoPackets(t *testing.T) {
	for _, b := range [][]byte{nil, make([]byte, 28), bytes.Repeat([]byte{0x45}, 27)} {
		if _, ok := parse(b); ok {
			t.Errorf("%v was taken", b)
		}
	}
}
