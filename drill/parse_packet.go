package drill

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// packet is < or >, what is said of IP, then a TCP segment, "udp (len)" or
// "icmp ...".
func (p *parser) packet() *Packet {
	from := p.i
	k := &Packet{Inbound: p.peek() == '<', IP: IPFields{ECN: -1, TOS: -1, TTL: -1}}
	p.i++
	quoted := p.ipFields(k)
	p.space()
	switch w := p.peekWord(); {
	case w == "icmp":
		p.word()
		k.ICMP = p.icmp(k.Inbound)
		if quoted != nil {
			k.ICMP.quote(quoted)
		}
	case w == "udp":
		p.word()
		k.UDP = &UDPFields{Len: p.parenthesized()}
	case w == "tcp":
		p.word()
		k.TCP = p.tcp(k.Inbound)
	case isHeaderWord(w):
		p.unsupported(p.i, "a packet with the header %q", w)
	case isDigit(p.peek()) && p.looksLikeAddress():
		p.unsupported(p.i, "a packet with addresses of its own")
	default:
		k.TCP = p.tcp(k.Inbound)
	}
	k.text = oneLine(p.src[from:p.i])
	return k
}

func isHeaderWord(w string) bool {
	switch w {
	case "ipv4", "ipv6", "gre", "mpls", "sctp", "udplite", "icmpv6", "eth":
		return true
	}
	return false
}

// looksLikeAddress reports whether a dotted quad is next.
func (p *parser) looksLikeAddress() bool {
	end := p.i
	for end < len(p.src) && (isDigit(p.src[end]) || p.src[end] == '.') {
		end++
	}
	return strings.Count(p.src[p.i:end], ".") == 3
}

// ipFields reads [ect0], (tos 0x10) and (ttl 5). A quoted segment in brackets,
// which one dialect puts here, is returned.
func (p *parser) ipFields(k *Packet) *TCPFields {
	for {
		p.space()
		switch {
		case p.peek() == '[':
			if q := p.bracket(k); q != nil {
				return q
			}
		case p.peek() == '(':
			p.parenthesis(k)
		default:
			return nil
		}
	}
}

func (p *parser) bracket(k *Packet) *TCPFields {
	at := p.i
	p.i++
	if isDigit(p.peek()) || p.peekWord() == "udp" {
		p.i = at
		return p.quotedSegment()
	}
	p.ipList(k, at, "]")
	return nil
}

func (p *parser) parenthesis(k *Packet) {
	at := p.i
	p.i++
	p.ipList(k, at, ")")
}

// ipList reads the fields up to the closing bracket; at is where they began.
func (p *parser) ipList(k *Packet, at int, end string) {
	for {
		p.ipField(k, at)
		if !p.accept(",") {
			break
		}
	}
	p.expect(end)
}

func (p *parser) ipField(k *Packet, at int) {
	switch w := p.word(); w {
	case "noecn":
		k.IP.ECN = 0
	case "ect1":
		k.IP.ECN = 1
	case "ect0":
		k.IP.ECN = 2
	case "ce":
		k.IP.ECN = 3
	case "ect01":
		k.IP.AnyECT = true
	case "tos":
		k.IP.TOS = p.integer()
	case "ttl":
		k.IP.TTL = p.integer()
	default:
		p.unsupported(at, "the IP field %q", w)
	}
}

func (p *parser) integer() int {
	p.space()
	at := p.i
	text := p.take(isWord)
	v, err := strconv.ParseUint(text, 0, 32)
	if err != nil {
		p.i = at
		p.fail("expected a number, found %s", p.found())
	}
	return int(v)
}

func (p *parser) parenthesized() int {
	p.expect("(")
	v := p.integer()
	p.expect(")")
	return v
}

// flagBits are the letters of a segment's flags. Digits are AccECN's counter,
// which stands in AE, CWR and ECE.
var flagBits = map[byte]uint16{'F': 0x01, 'S': 0x02, 'R': 0x04, 'P': 0x08, '.': 0x10, 'U': 0x20, 'E': 0x40, 'W': 0x80, 'A': 0x100}

// tcp is flags seq:end(len) ack n win n urg n <options>.
func (p *parser) tcp(inbound bool) *TCPFields {
	t := &TCPFields{Win: -1}
	p.flags(t)
	p.sequence(&t.Seq, &t.End, &t.Len)
	for {
		switch w := p.peekWord(); w {
		case "ack":
			p.word()
			t.Ack, t.HasAck = uint32(p.integer()), true
		case "win":
			p.word()
			t.Win = p.integer()
		case "urg":
			p.word()
			t.Urg = p.integer()
		default:
			if p.accept("<") {
				p.options(t)
			}
			return t
		}
	}
}

func (p *parser) flags(t *TCPFields) {
	p.space()
	at := p.i
	t.FlagText = p.take(func(c byte) bool { return c > ' ' })
	if t.FlagText == "-" {
		return
	}
	for i := range len(t.FlagText) {
		c := t.FlagText[i]
		bit, ok := flagBits[c]
		switch {
		case ok:
			t.Flags |= bit
		case c >= '0' && c <= '7':
			t.Flags |= uint16(c-'0') << 6
		default:
			p.i = at
			p.fail("expected the flags of a segment, found %s", p.found())
		}
	}
	if t.FlagText == "" {
		p.fail("expected a packet, found %s", p.found())
	}
}

// sequence is seq:end(len), in the sequence space of the script.
func (p *parser) sequence(seq, end *uint32, n *int) {
	*seq = uint32(p.integer())
	p.expect(":")
	*end = uint32(p.integer())
	*n = p.parenthesized()
	if *seq+uint32(*n) != *end {
		p.fail("%d:%d is not %d bytes", *seq, *end, *n)
	}
}

// quotedSegment is [seq:end(len)].
func (p *parser) quotedSegment() *TCPFields {
	p.expect("[")
	t := &TCPFields{}
	if p.acceptWord("udp") {
		t.Len = p.parenthesized()
		t.FlagText = "udp"
	} else {
		p.sequence(&t.Seq, &t.End, &t.Len)
	}
	p.expect("]")
	return t
}

func (c *ICMPFields) quote(t *TCPFields) {
	c.Seq, c.End, c.Len, c.Quotes, c.UDP = t.Seq, t.End, t.Len, true, t.FlagText == "udp"
}

// icmpCodes are the codes of destination unreachable by name (RFC 792,
// RFC 1122 3.2.2.1, RFC 1812 5.2.7.1).
var icmpCodes = map[string]uint8{
	"net_unreachable": 0, "host_unreachable": 1, "protocol_unreachable": 2, "port_unreachable": 3, "frag_needed": 4,
	"source_route_failed": 5, "net_unknown": 6, "host_unknown": 7, "source_host_isolated": 8, "net_prohibited": 9,
	"host_prohibited": 10, "net_unreachable_for_tos": 11, "host_unreachable_for_tos": 12, "packet_filtered": 13,
	"precedence_violation": 14, "precedence_cutoff": 15,
}

// icmp is "unreachable code mtu n [seq:end(len)]".
func (p *parser) icmp(bool) *ICMPFields {
	c := &ICMPFields{}
	switch w := p.word(); w {
	case "unreachable":
		c.Type = 3
	case "time_exceeded":
		c.Type = 11
	case "source_quench":
		c.Type = 4
	default:
		p.unsupported(p.i, "icmp %q", w)
	}
	if c.Type == 3 {
		c.Code = p.icmpCode()
	}
	if p.acceptWord("mtu") {
		c.MTU = p.integer()
	}
	if p.space(); p.peek() == '[' {
		c.quote(p.quotedSegment())
	}
	return c
}

// icmpCode is the name of a code, or a symbol that stands for one.
func (p *parser) icmpCode() uint8 {
	w := p.peekWord()
	if v, ok := p.symbols[w]; ok {
		w = v
	}
	code, ok := icmpCodes[w]
	if ok {
		p.word()
	}
	return code
}

// hexBytes reads an even number of hexadecimal digits.
func (p *parser) hexBytes() []byte {
	p.space()
	at := p.i
	data, err := hex.DecodeString(p.take(isHex))
	if err != nil {
		p.i = at
		p.fail("expected bytes in hexadecimal, found %s", p.found())
	}
	return data
}
