package drill

import (
	"net/netip"

	"github.com/slankdev/ministack/clock"
)

// connection is a connection as the script knows it, beside what is on the
// wire. Scripts count both directions from the SYN on: its own numbers in
// segments with SYN, and from 0 in all others; timestamps that the stack chose
// have the values that the script saw first.
type connection struct {
	local, remote netip.AddrPort // remote is what the script plays; local is zero until a SYN names it
	udp           bool
	active        bool // the stack opened it
	file          *file

	isn        uint32 // of the stack, on the wire
	scriptISN  uint32 // and in the script
	peerISN    uint32 // of the script's side, the same on the wire
	offeredISN uint32 // of the last SYN that the script sent
	offered    bool
	hasISN     bool
	stamps     map[uint32]uint32 // the stack's timestamps: script to wire
	stampBase  stampBase
	written    []byte // what the stack's user wrote, from the first byte on
	read       int    // how much the user has read
	lastWin    int
}

// stampBase is the first timestamp seen, from which others are reckoned.
type stampBase struct {
	script, wire uint32
	at           clock.Time
	set          bool
}

// toWire maps a sequence number of the stack's direction.
func (c *connection) toWire(n uint32, syn bool) uint32 {
	if syn {
		return n + c.isn - c.scriptISN
	}
	return n + c.isn
}

// toScript is the inverse of toWire.
func (c *connection) toScript(n uint32, syn bool) uint32 { return n - c.toWire(0, syn) }

// peerToWire maps a sequence number of the script's direction.
func (c *connection) peerToWire(n uint32, syn bool) uint32 {
	if syn {
		return n
	}
	return n + c.peerISN
}

func (c *connection) peerToScript(n uint32, syn bool) uint32 { return n - c.peerToWire(0, syn) }

// learn takes the numbers from a SYN that the stack sent.
func (c *connection) learn(s *segment) {
	if s.flags&flagSYN == 0 {
		return
	}
	if !c.hasISN || s.flags&flagACK != 0 && c.isn != s.tcp.Seq {
		c.isn, c.hasISN = s.tcp.Seq, true
	}
	if s.flags&flagACK != 0 && c.offered {
		c.peerISN = c.offeredISN
	}
}

// noteStamp remembers what a timestamp of the script stands for.
func (c *connection) noteStamp(script, wire uint32, at clock.Time) {
	if c.stamps == nil {
		c.stamps = map[uint32]uint32{}
	}
	c.stamps[script] = wire
	if !c.stampBase.set {
		c.stampBase = stampBase{script, wire, at, true}
	}
}

// echo is the timestamp to echo for the script's: what was seen under that
// value, or else what the stack's clock must have shown then.
func (c *connection) echo(script uint32, h *host) uint32 {
	if script == 0 {
		return 0
	}
	if wire, ok := c.stamps[script]; ok {
		return wire
	}
	ticks := int64(int32(script - c.stampBase.script))
	if h.ecrScaled && h.tick > 0 {
		ticks = ticks * h.tick.Microseconds() / 1000
	}
	return c.stampBase.wire + uint32(ticks)
}

// Bits of a segment's flags.
const (
	flagFIN = 0x01
	flagSYN = 0x02
	flagRST = 0x04
	flagPSH = 0x08
	flagACK = 0x10
	flagURG = 0x20
	flagECE = 0x40
	flagCWR = 0x80
	flagAE  = 0x100
)

// pattern is byte number i of a stream whose content the script leaves open.
// Its period is none of the sizes that segments have, so that a byte at the
// wrong place shows.
func pattern(i int) byte { return byte(i%251) ^ byte(i/251*7) }

func fill(p []byte, from int) {
	for i := range p {
		p[i] = pattern(from + i)
	}
}
