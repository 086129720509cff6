package drill

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/slankdev/ministack/clock"
)

// lateLimit is how long the player looks for a packet that is overdue, so as
// to say when it came.
const lateLimit = 10 * time.Second

// anyLimit bounds the wait for a packet whose time is "*".
const anyLimit = 20 * time.Minute

// outbound expects a packet.
func (p *player) outbound(e *Event, k *Packet) error {
	if k.ICMP != nil {
		return p.expectOther(e, func(d *decoded) string { return matchICMP(k, d) })
	}
	if k.UDP != nil {
		return p.expectOther(e, func(d *decoded) string { return matchUDP(k, d) })
	}
	got, at, err := p.nextSegment(e, k)
	if err != nil {
		return err
	}
	c := p.conn
	c.learn(got)
	if got.flags&flagSYN != 0 {
		c.scriptISN = k.TCP.Seq
	}
	if diff := p.compare(c, k, got, at); diff != "" {
		return p.mismatch(e, got, diff)
	}
	if diff := p.timing(e, at); diff != "" {
		return p.mismatch(e, got, diff)
	}
	if o, s := findOption(k.TCP.Options, optTimestamp), findOption(got.options, optTimestamp); o != nil && s != nil {
		c.noteStamp(o.Val, s.Val, at)
	}
	return p.rest(e, k, got)
}

// nextSegment waits for the next segment of the connection under test.
func (p *player) nextSegment(e *Event, k *Packet) (*segment, clock.Time, error) {
	limit := p.due(e).Add(p.slack(e))
	if e.Time.Kind == Any {
		limit = p.host.clk.Now().Add(anyLimit)
	}
	for _, end := range []clock.Time{limit, limit.Add(lateLimit)} {
		var d *decoded
		p.host.clk.driveTo(end, p.task, func() bool { d = p.nextOf(k); return d != nil })
		if d != nil {
			return d.tcp, d.at, nil
		}
	}
	return nil, 0, p.fail(e, "no packet came until %s", p.since(limit))
}

// nextOf returns the next packet that belongs to the connection under test, or
// that makes one.
func (p *player) nextOf(k *Packet) *decoded {
	for {
		d := p.pop()
		if d == nil {
			return nil
		}
		if d.tcp != nil && p.belongs(d.tcp) {
			return d
		}
	}
}

// pop returns the next packet that the stack sent.
func (p *player) pop() *decoded {
	if len(p.pending) > 0 {
		d := p.pending[0]
		p.pending = p.pending[1:]
		return d
	}
	s, ok := p.host.wire.take()
	if !ok {
		return nil
	}
	p.capture(s.at, s.data)
	return decode(s, p.host.wire.mtu)
}

// belongs reports whether a segment is the connection's under test. The first
// SYN of a socket that connects names its connection.
func (p *player) belongs(s *segment) bool {
	c := p.conn
	if c == nil {
		return false
	}
	if c.local.Port() == 0 && s.flags&(flagSYN|flagACK) == flagSYN && s.dst == c.remote {
		c.local = s.src
	}
	return s.src == c.local && s.dst == c.remote
}

// rest matches what the script has as one packet and the wire as several.
func (p *player) rest(e *Event, k *Packet, first *segment) error {
	t := k.TCP
	done := len(first.payload)
	defer func() { p.merged = false }()
	for done < t.Len {
		p.merged = true
		next := *k
		nt := *t
		nt.Seq, nt.Len = t.Seq+uint32(done), t.Len-done
		next.TCP = &nt
		got, at, err := p.nextSegment(e, &next)
		if err != nil {
			return err
		}
		if diff := p.compare(p.conn, &next, got, at); diff != "" {
			return p.mismatch(e, got, diff)
		}
		if diff := p.timing(e, at); diff != "" {
			return p.mismatch(e, got, diff)
		}
		done += len(got.payload)
	}
	return nil
}

// compare returns what a segment differs in from the script's, which may be
// longer, or "".
func (p *player) compare(c *connection, k *Packet, s *segment, at clock.Time) string {
	t := k.TCP
	if s.err != "" {
		return s.err
	}
	partial := len(s.payload) < t.Len && len(s.payload) > 0 && !p.host.strict
	want := t.Flags
	ignored := uint16(0)
	if partial { // the last one carries it
		want &^= flagFIN
	}
	if partial || p.merged || s.super { // PSH stands where the sender's super-segments end
		ignored = flagPSH
	}
	if s.flags&^ignored != want&^ignored {
		return fmt.Sprintf("flags are %s, expected %s", flagText(s.flags), flagText(want))
	}
	syn := s.flags&flagSYN != 0
	if seq := c.toScript(s.tcp.Seq, syn); seq != t.Seq {
		return fmt.Sprintf("it begins at %d, expected %d", seq, t.Seq)
	}
	if len(s.payload) != t.Len && !partial {
		return fmt.Sprintf("it has %d bytes, expected %d", len(s.payload), t.Len)
	}
	for _, check := range []string{p.compareAck(c, t, s, syn), compareWindow(t, s), compareIP(k, s), p.compareOptions(c, t, s, at), c.comparePayload(s)} {
		if check != "" {
			return check
		}
	}
	return ""
}

func (p *player) compareAck(c *connection, t *TCPFields, s *segment, syn bool) string {
	if !t.HasAck {
		return ""
	}
	ack := s.tcp.Ack
	if s.flags&flagACK != 0 {
		ack = c.peerToScript(ack, syn)
	}
	if ack != t.Ack {
		return fmt.Sprintf("ack is %d, expected %d", ack, t.Ack)
	}
	return ""
}

func compareWindow(t *TCPFields, s *segment) string {
	if t.Win >= 0 && int(s.tcp.Window) != t.Win {
		return fmt.Sprintf("win is %d, expected %d", s.tcp.Window, t.Win)
	}
	if t.Flags&flagURG != 0 && int(s.tcp.Urgent) != t.Urg {
		return fmt.Sprintf("urg is %d, expected %d", s.tcp.Urgent, t.Urg)
	}
	return ""
}

func compareIP(k *Packet, s *segment) string {
	ecn := int(s.ip.TOS & 3)
	switch {
	case k.IP.ECN >= 0 && ecn != k.IP.ECN:
		return fmt.Sprintf("the ECN field is %d, expected %d", ecn, k.IP.ECN)
	case k.IP.AnyECT && ecn != 1 && ecn != 2:
		return fmt.Sprintf("the ECN field is %d, expected ECT", ecn)
	case k.IP.TOS >= 0 && int(s.ip.TOS) != k.IP.TOS:
		return fmt.Sprintf("tos is %#x, expected %#x", s.ip.TOS, k.IP.TOS)
	case k.IP.TTL >= 0 && int(s.ip.TTL) != k.IP.TTL:
		return fmt.Sprintf("ttl is %d, expected %d", s.ip.TTL, k.IP.TTL)
	}
	return ""
}

// compareOptions demands the same options in the same order. The values of the
// stack's own timestamps count where the script gives a tick.
func (p *player) compareOptions(c *connection, t *TCPFields, s *segment, at clock.Time) string {
	if t.AnyOptions {
		return ""
	}
	got := p.scriptOptions(c, t, s.options)
	want := listOptions(t.Options)
	if have := listOptions(got); have != want {
		return fmt.Sprintf("options are <%s>, expected <%s>", have, want)
	}
	if o, w := findOption(t.Options, optTimestamp), findOption(s.options, optTimestamp); o != nil && w != nil && p.host.tick > 0 {
		return p.compareStamp(c, o.Val, w.Val, at)
	}
	return ""
}

// scriptOptions maps options of the wire to the script's numbers.
func (p *player) scriptOptions(c *connection, t *TCPFields, options []TCPOption) []TCPOption {
	mapped := make([]TCPOption, 0, len(options))
	for _, o := range options {
		switch o.Kind {
		case optTimestamp:
			if w := findOption(t.Options, optTimestamp); w != nil {
				o.Val = w.Val
			}
		case optSACK:
			blocks := make([][2]uint32, len(o.Blocks))
			for i, b := range o.Blocks {
				blocks[i] = [2]uint32{c.peerToScript(b[0], false), c.peerToScript(b[1], false)}
			}
			o.Blocks = blocks
		}
		mapped = append(mapped, o)
	}
	return mapped
}

// compareStamp checks that the stack's clock went on as the script's did.
func (p *player) compareStamp(c *connection, script, wire uint32, at clock.Time) string {
	b := c.stampBase
	if !b.set {
		return ""
	}
	want := int64(int32(script-b.script)) * p.host.tick.Microseconds() / 1000
	got := int64(int32(wire - b.wire))
	slack := max(p.host.tolerance.Milliseconds(), 1)
	if got < want-slack || got > want+slack {
		return fmt.Sprintf("its timestamp is %d ms past the first, expected %d ms", got, want)
	}
	return ""
}

// comparePayload demands the bytes that the user wrote.
func (c *connection) comparePayload(s *segment) string {
	if len(s.payload) == 0 || c.udp {
		return ""
	}
	from := int(int32(s.tcp.Seq - c.isn - 1))
	if s.flags&flagSYN != 0 {
		from = 0
	}
	end := from + len(s.payload)
	if from < 0 || end > len(c.written) {
		return fmt.Sprintf("it carries bytes %d to %d of a stream of which %d were written", from, end, len(c.written))
	}
	if want := c.written[from:end]; !bytes.Equal(s.payload, want) {
		return fmt.Sprintf("its payload differs from what was written at byte %d", from+firstDifference(s.payload, want))
	}
	return ""
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}

func listOptions(options []TCPOption) string {
	var b strings.Builder
	for i := range options {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(options[i].String())
	}
	return b.String()
}

func findOption(options []TCPOption, kind uint8) *TCPOption {
	for i := range options {
		if options[i].Kind == kind {
			return &options[i]
		}
	}
	return nil
}

// flagText writes flags as scripts do.
func flagText(f uint16) string {
	text := ""
	for _, c := range "SFRPEWAU." {
		if f&flagBits[byte(c)] != 0 {
			text += string(c)
		}
	}
	if text == "" {
		return "-"
	}
	return text
}

// expectOther waits for a packet that is not TCP.
func (p *player) expectOther(e *Event, match func(*decoded) string) error {
	limit := p.due(e).Add(p.slack(e))
	var d *decoded
	p.host.clk.driveTo(limit, p.task, func() bool { d = p.pop(); return d != nil })
	if d == nil {
		return p.fail(e, "no packet came until %s", p.since(limit))
	}
	if diff := match(d); diff != "" {
		return p.fail(e, "%s; it is %s", diff, d.text())
	}
	if diff := p.timing(e, d.at); diff != "" {
		return p.fail(e, "%s", diff)
	}
	return nil
}

func matchUDP(k *Packet, d *decoded) string {
	switch {
	case d.udp == nil:
		return "it is no UDP datagram"
	case len(d.udp.Payload) != k.UDP.Len:
		return fmt.Sprintf("it has %d bytes, expected %d", len(d.udp.Payload), k.UDP.Len)
	}
	return udpChecksumError(d.ip, d.udp)
}

func matchICMP(k *Packet, d *decoded) string {
	switch {
	case d.icmp == nil:
		return "it is no ICMP message"
	case d.icmp.TypeCode.Type() != k.ICMP.Type || d.icmp.TypeCode.Code() != k.ICMP.Code:
		return fmt.Sprintf("it is type %d code %d, expected %d and %d", d.icmp.TypeCode.Type(), d.icmp.TypeCode.Code(), k.ICMP.Type, k.ICMP.Code)
	}
	return ""
}

// text shows a packet that belongs to no connection.
func (d *decoded) text() string {
	if d.ip == nil {
		return fmt.Sprintf("%d bytes that are no IPv4 packet", len(d.data))
	}
	src, _ := netip.AddrFromSlice(d.ip.SrcIP.To4())
	dst, _ := netip.AddrFromSlice(d.ip.DstIP.To4())
	return fmt.Sprintf("%v > %v protocol %d, %d bytes", src, dst, d.ip.Protocol, len(d.data))
}
