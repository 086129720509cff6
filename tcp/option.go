package tcp

import (
	"encoding/binary"

	"github.com/slankdev/ministack/tcp/rtx"
	"github.com/slankdev/ministack/tcp/seq"
)

// Option kinds (IANA TCP parameters).
const (
	optEnd       = 0
	optNop       = 1
	optMSS       = 2   // RFC 9293 3.7.1
	optWScale    = 3   // RFC 7323 2
	optSackPerm  = 4   // RFC 2018 2
	optSack      = 5   // RFC 2018 3
	optTimestamp = 8   // RFC 7323 3
	optFastOpen  = 34  // RFC 7413 4.1.1
	optExp       = 254 // RFC 6994

	fastOpenMagic = 0xf989 // RFC 7413 A.1
)

const (
	lenMSS       = 4
	lenWScale    = 3
	lenSackPerm  = 2
	lenTimestamp = 10
	lenSackBlock = 8

	maxWScale     = 14 // RFC 7323 2.3
	maxSackBlocks = 4
)

// options are what a segment's options said.
type options struct {
	hasMSS, hasWScale, sackPerm, hasTS bool
	wscale                             uint8
	mss                                uint16
	tsval, tsecr                       uint32
	nsack                              int
	sack                               [maxSackBlocks]rtx.Block
	hasFO, foExp                       bool
	hasACC                             bool
	foLen                              uint8
	ceb                                uint32
	foCookie                           [maxCookieLen]byte
	auth                               authOption
}

// parseOptions reads the options of a header. It never fails: an option cut
// short ends the list, an unknown one is passed over (RFC 9293 3.2, MUST-6).
// Options that only a SYN may carry are ignored elsewhere.
func (o *options) parse(h Header) {
	syn := h.Flags()&SYN != 0
	p := h.Options()
	if len(p) == 12 && p[0] == optNop && p[1] == optNop && p[2] == optTimestamp && p[3] == lenTimestamp {
		o.timestamp(p[4:12]) // the layout that everybody sends (RFC 7323 appendix A)
		return
	}
	for len(p) > 0 {
		switch p[0] {
		case optEnd:
			return
		case optNop:
			p = p[1:]
			continue
		}
		if len(p) < 2 || p[1] < 2 || int(p[1]) > len(p) {
			return
		}
		if p[0] == optMD5 || p[0] == optAO {
			o.auth.note(h, h.Len()-len(p))
		}
		o.one(p[0], p[2:p[1]], syn)
		p = p[p[1]:]
	}
}

func (o *options) one(kind byte, v []byte, syn bool) {
	switch {
	case kind == optMSS && len(v) == lenMSS-2 && syn:
		o.hasMSS, o.mss = true, binary.BigEndian.Uint16(v)
	case kind == optWScale && len(v) == lenWScale-2 && syn:
		o.hasWScale, o.wscale = true, min(v[0], maxWScale)
	case kind == optSackPerm && len(v) == 0 && syn:
		o.sackPerm = true
	case kind == optTimestamp && len(v) == lenTimestamp-2:
		o.timestamp(v)
	case kind == optFastOpen && syn:
		o.fastOpen(v, false)
	case kind == optExp && syn && len(v) >= 2 && binary.BigEndian.Uint16(v) == fastOpenMagic:
		o.fastOpen(v[2:], true)
	case (kind == optAccECN0 || kind == optAccECN1) && !syn:
		o.accCounters(v)
	case kind == optSack && len(v) > 0 && len(v)%lenSackBlock == 0 && !syn:
		o.sacks(v)
	}
}

// fastOpen is a cookie, or the wish for one; one of a length that none has
// counts as no option (RFC 7413 4.1.1).
func (o *options) fastOpen(v []byte, exp bool) {
	if len(v)%2 != 0 || len(v) != 0 && (len(v) < minCookieLen || len(v) > maxCookieLen) {
		return
	}
	o.hasFO, o.foExp, o.foLen = true, exp, uint8(len(v))
	copy(o.foCookie[:], v)
}

func (o *options) timestamp(v []byte) {
	o.hasTS, o.tsval, o.tsecr = true, binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
}

func (o *options) sacks(v []byte) {
	for o.nsack = 0; len(v) > 0 && o.nsack < maxSackBlocks; o.nsack++ {
		o.sack[o.nsack] = rtx.Block{Start: seq.New(binary.BigEndian.Uint32(v)), End: seq.New(binary.BigEndian.Uint32(v[4:]))}
		v = v[lenSackBlock:]
	}
}

// optionSpace says what options a segment will carry, so that its size is
// known before it is built.
type optionSpace struct {
	mss                     uint16 // 0: none
	hasWScale, sackPerm, ts bool
	wscale                  uint8
	tsval                   uint32
	tsecr                   uint32
	nsack                   int
	sack                    [maxSackBlocks]rtx.Block
	hasFO, foExp, acc       bool
	e0b, ceb, e1b           uint32
	fo                      []byte // the cookie; empty to ask for one
	sig                     signer // nil: none
}

// size returns the bytes that the options take, padded to whole words. The
// order and padding are Linux's.
func (o *optionSpace) size() int {
	n := 0
	if o.sig != nil {
		n = o.sig.space()
	}
	if o.mss != 0 {
		n += lenMSS
	}
	if o.ts {
		n += 12 // with SACK permitted in place of the two NOPs
	} else if o.sackPerm {
		n += 4
	}
	if o.hasWScale {
		n += 4
	}
	if o.nsack > 0 {
		n += 4 + lenSackBlock*o.nsack
	}
	if o.hasFO {
		n += (o.fastOpenLen() + 3) &^ 3
	}
	if o.acc {
		n += lenACCed
	}
	if o.hasFO && n > maxOptionLen { // a cookie beside a signature
		n -= (o.fastOpenLen() + 3) &^ 3
		o.hasFO = false
	}
	return n
}

// put writes the options into p, which is size() long.
func (o *optionSpace) put(p []byte) {
	if o.sig != nil {
		p = p[o.sig.space():] // it is written last, and stands first
	}
	if o.mss != 0 {
		p[0], p[1] = optMSS, lenMSS
		binary.BigEndian.PutUint16(p[2:], o.mss)
		p = p[4:]
	}
	if o.ts || o.sackPerm {
		p = o.putTimestamp(p)
	}
	if o.hasWScale {
		p[0], p[1], p[2], p[3] = optNop, optWScale, lenWScale, o.wscale
		p = p[4:]
	}
	if o.nsack > 0 {
		p[0], p[1], p[2], p[3] = optNop, optNop, optSack, byte(2+lenSackBlock*o.nsack)
		p = p[4:]
		for _, b := range o.sack[:o.nsack] {
			binary.BigEndian.PutUint32(p, b.Start.Uint32())
			binary.BigEndian.PutUint32(p[4:], b.End.Uint32())
			p = p[lenSackBlock:]
		}
	}
	if o.acc {
		o.putAccECN(p)
		p = p[lenACCed:]
	}
	if o.hasFO {
		o.putFastOpen(p)
	}
}

// fastOpenLen is the option's own length.
func (o *optionSpace) fastOpenLen() int {
	n := 2 + len(o.fo)
	if o.foExp {
		n += 2
	}
	return n
}

func (o *optionSpace) putFastOpen(p []byte) {
	n := o.fastOpenLen()
	p[0], p[1] = optFastOpen, byte(n)
	if o.foExp {
		p[0] = optExp
		binary.BigEndian.PutUint16(p[2:], fastOpenMagic)
	}
	copy(p[n-len(o.fo):], o.fo)
	for i := n; i < (n+3)&^3; i++ {
		p[i] = optNop
	}
}

// putTimestamp writes SACK permitted and timestamps, each filling the other's
// padding.
func (o *optionSpace) putTimestamp(p []byte) []byte {
	p[0], p[1] = optNop, optNop
	if o.sackPerm {
		p[0], p[1] = optSackPerm, lenSackPerm
		if !o.ts {
			p[0], p[1], p[2], p[3] = optNop, optNop, optSackPerm, lenSackPerm
			return p[4:]
		}
	}
	p[2], p[3] = optTimestamp, lenTimestamp
	binary.BigEndian.PutUint32(p[4:], o.tsval)
	binary.BigEndian.PutUint32(p[8:], o.tsecr)
	return p[12:]
}
