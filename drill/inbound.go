package drill

import (
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// inbound gives the stack a packet of the script.
func (p *player) inbound(e *Event, k *Packet) error {
	c := p.forInbound(k)
	if c == nil {
		return p.fail(e, "no socket listens or connects that this packet could be for")
	}
	var data []byte
	var err error
	switch {
	case k.TCP != nil:
		data, err = p.buildSegment(c, k)
	case k.UDP != nil:
		data, err = p.buildDatagram(c, k)
	default:
		data, err = p.buildICMP(c, k)
	}
	if err != nil {
		return p.fail(e, "cannot build the packet: %v", err)
	}
	mss := 0
	if k.TCP != nil && p.host.mss > 0 && k.TCP.Len > p.host.mss {
		mss = p.host.mss
	}
	p.capture(p.host.clk.Now(), data)
	p.host.wire.inject(injected{data, mss})
	return nil
}

// forInbound chooses the connection: that of the socket under test, or a new
// one where that socket listens.
func (p *player) forInbound(k *Packet) *connection {
	f := p.under
	if k.UDP != nil {
		return p.datagrams(f)
	}
	if p.conn == nil && f != nil && f.listens {
		p.conn = &connection{local: p.bound(f), remote: netip.AddrPortFrom(p.host.remote, p.host.nextPort)}
		p.host.nextPort++
		p.conns = append(p.conns, p.conn)
	}
	return p.conn
}

func (p *player) buildSegment(c *connection, k *Packet) ([]byte, error) {
	t := k.TCP
	syn := t.Flags&flagSYN != 0
	if syn {
		p.offer(c, t)
	}
	w := &layers.TCP{SrcPort: layers.TCPPort(c.remote.Port()), DstPort: layers.TCPPort(c.local.Port()),
		Seq: c.peerToWire(t.Seq, syn), Window: uint16(max(t.Win, 0)), Urgent: uint16(t.Urg)}
	if t.Win < 0 {
		w.Window = uint16(c.lastWin)
	}
	c.lastWin = int(w.Window)
	if t.HasAck {
		w.Ack = c.toWire(t.Ack, syn)
	}
	setFlags(w, t.Flags)
	for i := range t.Options {
		o := writeOption(p.liveOption(c, t.Options[i]))
		w.Options = append(w.Options, o)
	}
	ip := network(c.remote.Addr(), c.local.Addr(), k.IP, layers.IPProtocolTCP)
	if err := w.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	return build(ip, w, gopacket.Payload(c.payload(w.Seq, t)))
}

// offer notes the sequence number of the script's SYN.
func (p *player) offer(c *connection, t *TCPFields) {
	if !c.offered || !c.hasISN {
		c.peerISN = t.Seq
	}
	c.offeredISN, c.offered = t.Seq, true
}

// payload is the script's side of the stream at a sequence number.
func (c *connection) payload(seq uint32, t *TCPFields) []byte {
	data := make([]byte, t.Len)
	from := int(int32(seq - c.peerISN - 1))
	if t.Flags&flagSYN != 0 {
		from = 0
	}
	for i := range data {
		if from+i >= 0 {
			data[i] = pattern(from + i)
		}
	}
	return data
}

// liveOption maps the numbers of an option to those on the wire.
func (p *player) liveOption(c *connection, o TCPOption) *TCPOption {
	switch o.Kind {
	case optTimestamp:
		o.Ecr = c.echo(o.Ecr, p.host)
	case optSACK:
		blocks := make([][2]uint32, len(o.Blocks))
		for i, b := range o.Blocks {
			blocks[i] = [2]uint32{c.toWire(b[0], false), c.toWire(b[1], false)}
		}
		o.Blocks = blocks
	}
	return &o
}

func setFlags(w *layers.TCP, f uint16) {
	w.FIN, w.SYN, w.RST, w.PSH = f&flagFIN != 0, f&flagSYN != 0, f&flagRST != 0, f&flagPSH != 0
	w.ACK, w.URG, w.ECE, w.CWR, w.NS = f&flagACK != 0, f&flagURG != 0, f&flagECE != 0, f&flagCWR != 0, f&flagAE != 0
}

func (p *player) buildDatagram(c *connection, k *Packet) ([]byte, error) {
	u := &layers.UDP{SrcPort: layers.UDPPort(c.remote.Port()), DstPort: layers.UDPPort(c.local.Port())}
	ip := network(c.remote.Addr(), c.local.Addr(), k.IP, layers.IPProtocolUDP)
	if err := u.SetNetworkLayerForChecksum(ip); err != nil {
		return nil, err
	}
	data := make([]byte, k.UDP.Len)
	fill(data, 0)
	return build(ip, u, gopacket.Payload(data))
}

// buildICMP quotes the IP header and eight bytes of what the stack sent.
func (p *player) buildICMP(c *connection, k *Packet) ([]byte, error) {
	m := k.ICMP
	q := &layers.TCP{SrcPort: layers.TCPPort(c.local.Port()), DstPort: layers.TCPPort(c.remote.Port()), ACK: true}
	if q.Seq = c.isn; m.Quotes {
		q.Seq = c.toWire(m.Seq, c.quotesSYN(m))
	}
	inner := network(c.local.Addr(), c.remote.Addr(), IPFields{ECN: -1, TOS: -1, TTL: -1}, layers.IPProtocolTCP)
	var quoted []byte
	var err error
	if m.UDP || c.udp {
		inner.Protocol = layers.IPProtocolUDP
		u := &layers.UDP{SrcPort: layers.UDPPort(c.local.Port()), DstPort: layers.UDPPort(c.remote.Port())}
		if err := u.SetNetworkLayerForChecksum(inner); err != nil {
			return nil, err
		}
		quoted, err = build(inner, u, gopacket.Payload(make([]byte, m.Len)))
	} else {
		if err := q.SetNetworkLayerForChecksum(inner); err != nil {
			return nil, err
		}
		quoted, err = build(inner, q, gopacket.Payload(make([]byte, m.Len)))
	}
	if err != nil {
		return nil, fmt.Errorf("the quoted packet: %w", err)
	}
	quoted = quoted[:min(len(quoted), 28)]
	outer := network(c.remote.Addr(), c.local.Addr(), k.IP, layers.IPProtocolICMPv4)
	icmp := &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(m.Type, m.Code), Seq: uint16(m.MTU)}
	return build(outer, icmp, gopacket.Payload(quoted))
}

// quotesSYN reports whether a quoted segment is the stack's SYN: it begins at
// the SYN's own number.
func (c *connection) quotesSYN(m *ICMPFields) bool { return m.Seq == c.scriptISN }
