package drill

import "time"

// Script is a parsed packet script: what to set up, then events in order.
type Script struct {
	Path    string
	Options []Option // --name=value lines
	Events  []*Event
}

// Option is a line like --mss=1000.
type Option struct {
	Name, Value string
	Pos         Pos
}

// Pos is a place in a script; both count from 1.
type Pos struct{ Line, Col int }

// Event is one thing that happens, or is expected, at a time.
type Event struct {
	Pos  Pos
	Time When
	Do   Action
}

// Action is a *Packet, *Call, *Command or *Code.
type Action interface{ String() string }

// WhenKind says how an event's time is meant.
type WhenKind uint8

// Kinds of time.
const (
	Absolute WhenKind = iota // since the script began
	Relative                 // since the event before
	Any                      // whenever it happens
	Setup                    // a command without a time, before the script begins
)

// When is an event's time.
type When struct {
	Kind    WhenKind
	At      time.Duration
	Until   time.Duration // end of a range a~b; At where there is none
	IsRange bool
	// Blocks says that the event is a call that blocks, "a...b": it begins at
	// At and returns at Return.
	Blocks bool
	Return time.Duration
}

// Packet is a packet that the script sends to the stack, or expects from it.
type Packet struct {
	Inbound bool
	IP      IPFields
	TCP     *TCPFields
	UDP     *UDPFields
	ICMP    *ICMPFields
	text    string
}

// IPFields is what a script says of the IP header.
type IPFields struct {
	ECN    int // 0 to 3, or -1: not said
	TOS    int // -1: not said
	TTL    int // -1: not said
	AnyECT bool
}

// TCPFields is a TCP segment in script numbers.
type TCPFields struct {
	Flags      uint16 // as in the header: FIN 1 to CWR 0x80, AE 0x100
	FlagText   string
	Seq, End   uint32
	Len        int
	Ack        uint32
	HasAck     bool
	Win        int // -1: not said
	Urg        int
	Options    []TCPOption
	AnyOptions bool // <...>
}

// TCPOption is one option, with sequence numbers as the script has them.
type TCPOption struct {
	Kind   uint8
	Name   string
	Val    uint32 // mss, wscale, TS val
	Ecr    uint32
	Blocks [][2]uint32 // sack
	Data   []byte      // FO, md5, and what is not known by name
	Exp    bool        // FOEXP: an experimental option with its magic
}

// UDPFields is a UDP datagram.
type UDPFields struct{ Len int }

// ICMPFields is an ICMP error that quotes a segment.
type ICMPFields struct {
	Type, Code uint8
	MTU        int
	Seq, End   uint32
	Len        int
	Quotes     bool // a segment is named
	UDP        bool // a datagram is quoted
	Text       string
}

// Call is a system call with the result that it must have.
type Call struct {
	Name string
	Args []*Expr
	// Result is what it must return; nil: "...", whatever.
	Result *Expr
	Errno  string // "" where the script names none
	text   string
}

// Command is a shell command between backquotes.
type Command struct{ Text string }

// Code is a block of assertions between %{ and }%.
type Code struct{ Text string }

func (p *Packet) String() string { return p.text }

func (c *Call) String() string { return c.text }

func (c *Command) String() string { return "`" + c.Text + "`" }

func (c *Code) String() string { return "%{" + c.Text + "}%" }
