package drill

import (
	"encoding/hex"
	"strconv"
)

// Kinds of TCP option (IANA).
const (
	optEOL       = 0
	optNOP       = 1
	optMSS       = 2
	optWScale    = 3
	optSACKPerm  = 4
	optSACK      = 5
	optTimestamp = 8
	optMD5       = 19
	optFastOpen  = 34
	optAccECN0   = 172
	optAccECN1   = 174
	optExp       = 254
)

// options reads what stands between < and >; the < is read.
func (p *parser) options(t *TCPFields) {
	if p.accept("...") {
		t.AnyOptions = true
		p.expect(">")
		return
	}
	for !p.accept(">") {
		if len(t.Options) > 0 {
			p.expect(",")
		}
		p.space()
		t.Options = append(t.Options, p.tcpOption())
	}
}

func (p *parser) tcpOption() TCPOption {
	at := p.i
	o := TCPOption{Name: p.word()}
	switch o.Name {
	case "nop":
		o.Kind = optNOP
	case "eol":
		o.Kind = optEOL
	case "mss":
		o.Kind, o.Val = optMSS, uint32(p.integer())
	case "wscale":
		o.Kind, o.Val = optWScale, uint32(p.integer())
	case "sackOK":
		o.Kind = optSACKPerm
	case "sack":
		o.Kind = optSACK
		p.blocks(&o)
	case "TS":
		o.Kind = optTimestamp
		p.timestamps(&o)
	case "FO", "FOEXP":
		o.Kind, o.Exp = optFastOpen, o.Name == "FOEXP"
		o.Data = p.cookie()
	case "md5":
		o.Kind, o.Data = optMD5, p.hexBytes()
	case "ECN":
		p.accECN(&o)
	default:
		p.unsupported(at, "the TCP option %q", o.Name)
	}
	return o
}

// blocks reads pairs until something else comes.
func (p *parser) blocks(o *TCPOption) {
	for p.space(); isDigit(p.peek()); p.space() {
		start := p.integer()
		p.expect(":")
		o.Blocks = append(o.Blocks, [2]uint32{uint32(start), uint32(p.integer())})
	}
}

func (p *parser) timestamps(o *TCPOption) {
	if !p.acceptWord("val") {
		p.fail("expected val, found %s", p.found())
	}
	o.Val = uint32(p.integer())
	if !p.acceptWord("ecr") {
		p.fail("expected ecr, found %s", p.found())
	}
	o.Ecr = uint32(p.integer())
}

// accECNOrder are the counters of the two forms of the Accurate ECN option
// (RFC 9768 3.2.3); the sender may leave the last ones away.
var accECNOrder = map[uint8][]string{optAccECN0: {"e0b", "ceb", "e1b"}, optAccECN1: {"e1b", "ceb", "e0b"}}

// accECN is ECN with named counters of 24 bits; the first one's name decides
// the form.
func (p *parser) accECN(o *TCPOption) {
	o.Kind = optAccECN0
	if p.peekWord() == "e1b" {
		o.Kind = optAccECN1
	}
	for _, name := range accECNOrder[o.Kind] {
		if !p.acceptWord(name) {
			break
		}
		v := p.integer()
		o.Data = append(o.Data, byte(v>>16), byte(v>>8), byte(v))
	}
}

// cookie is a Fast Open cookie: digits, a symbol of -D, or nothing, which asks
// for one.
func (p *parser) cookie() []byte {
	p.space()
	at := p.i
	w := p.take(isWord)
	if v, ok := p.symbols[w]; ok {
		w = v
	}
	data, err := hex.DecodeString(w)
	if err != nil {
		p.unsupported(at, "the cookie %q, which no -D defines,", w)
	}
	return data
}

// String writes the option as a script has it.
func (o *TCPOption) String() string {
	switch o.Kind {
	case optMSS:
		return "mss " + utoa(o.Val)
	case optWScale:
		return "wscale " + utoa(o.Val)
	case optTimestamp:
		return "TS val " + utoa(o.Val) + " ecr " + utoa(o.Ecr)
	case optSACK:
		s := "sack"
		for _, b := range o.Blocks {
			s += " " + utoa(b[0]) + ":" + utoa(b[1])
		}
		return s
	case optFastOpen, optMD5:
		s := o.Name
		if len(o.Data) > 0 {
			s += " " + hex.EncodeToString(o.Data)
		}
		return s
	case optNOP, optEOL, optSACKPerm:
		return o.Name
	case optAccECN0, optAccECN1:
		return o.accECNText()
	}
	return "option " + strconv.Itoa(int(o.Kind)) + " " + hex.EncodeToString(o.Data)
}

func (o *TCPOption) accECNText() string {
	s := "ECN"
	for i, name := range accECNOrder[o.Kind] {
		if d := o.Data[min(3*i, len(o.Data)):]; len(d) >= 3 {
			s += " " + name + " " + utoa(uint32(d[0])<<16|uint32(d[1])<<8|uint32(d[2]))
		}
	}
	return s
}

func utoa(v uint32) string { return strconv.FormatUint(uint64(v), 10) }
