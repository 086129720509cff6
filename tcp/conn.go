package tcp

import (
	"sync/atomic"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/tcp/rtx"
	"github.com/slankdev/ministack/tcp/seq"
)

// Conn is a TCP socket and its transmission control block (struct tcp_sock):
// one for each socket that a user holds, a listener among them, and for each
// connection until it is closed or in TIME-WAIT. What every segment touches
// comes first. All is guarded by the socket's lock.
type Conn struct {
	inet.Sock
	m *Module

	state    State
	inBatch  bool        // waits for the end of the receive batch
	attempt  bool        // the end of the batch tries to send
	refused  uint8       // our device's queue was full, and how often it was tried again
	guarded  atomic.Bool // ICMP errors are doubted (TCP-AO)
	reserved int32       // pages of all of TCP's memory

	shownState atomic.Uint32 // state, for readers without the lock
	cause      uint64        // the packet being processed, for the trace

	snd sendSpace
	rcv receiveSpace
	ack ackState
	ts  timestampState
	ecn ecnState

	tx    rtx.Sender // what was sent and is not acknowledged
	sendq sendQueue  // the bytes from snd.una on
	recvq recvQueue  // in order, for the user to read
	ofo   *ofoQueue  // out of order; nil: nothing is

	route  *inet.Route
	timers timers
	user   userState
	hash   hashLinks
	chrono chrono
	passed traffic
	below  below

	*seldom
}

// seldom is what few connections have. The others share one that is never
// changed, so that each part can be asked for without a look at whether there is
// any; who changes it says so by own.
type seldom struct {
	fo       *fastOpen  // of a connection with TCP Fast Open
	pace     *pacing    // of one that is paced
	mtu      *mtuSearch // of one that searches the path MTU
	auth     *auth      // of a socket with keys
	listener *listener  // in state Listen
	server   serverWishes
	header   inet.Header // of the network, of a socket with a TTL of its own
}

// own returns the connection's, to be changed.
func (c *Conn) own() *seldom {
	if c.seldom == &c.m.shared.seldom {
		c.seldom = new(seldom)
	}
	return c.seldom
}

// sendSpace is RFC 9293's send sequence space (3.3.1).
type sendSpace struct {
	una, nxt  seq.Num
	wnd       uint32  // SND.WND in bytes
	wl1       seq.Num // the segment that last updated the window
	maxWnd    uint32  // the largest window that the peer offered
	iss       seq.Num
	up        seq.Num // one past the last urgent byte
	urgent    bool
	wscale    uint8   // Snd.Wind.Shift
	peerMSS   uint16  // from the peer's SYN, TCP_MAXSEG applied
	mss       int     // payload bytes of a full segment, options allowed for
	pushed    seq.Num // what was marked last (pushed_seq)
	psh       seq.Num // where PSH stands
	tail      seq.Num // where the last super-segment begins
	lastSmall seq.Num // end of the last segment that was not full (Minshall)
	lastSent  clock.Time
}

// synOffer is what our SYN offers, and the SYN-ACK of a simultaneous open
// again.
type synOffer struct {
	ts, sack, wscale bool
	shift            uint8
}

// receiveSpace is RFC 9293's receive sequence space.
type receiveSpace struct {
	nxt seq.Num
	wup seq.Num // RCV.NXT when the window was last advertised
	wnd uint32  // what was advertised then
	irs seq.Num

	clamp    uint32 // the largest window ever offered
	ssthresh uint32 // how far the window may open now
	advMSS   uint16
	wscale   uint8
	winRatio uint8 // payload in 256 bytes of buffer, 0: not measured
	finSeen  bool
	closed   bool   // the user reads no more
	mssGuess uint16 // the peer's segment size as seen (rcv_mss)
	lastSize uint16 // of the segment before, if it was smaller but may have been full

	urgentState urgentPhase
	urgentData  byte
	urgentSeq   seq.Num // of the urgent byte

	tune rcvTune
}

// mss is the peer's segment size as seen.
func (r *receiveSpace) mss() int { return int(r.mssGuess) }

// ackState decides when to acknowledge (RFC 9293 3.8.6.3, RFC 5681 4.2).
type ackState struct {
	pushed      uint8 // small segments in what is to be acknowledged, at most 2
	due         bool  // something arrived that is to be acknowledged
	now         bool  // and at once
	timer       bool  // the delayed acknowledgement's timer is armed
	noRoom      bool  // the next segment found no memory: the window is 0
	held        bool  // data is about to take it along
	quick       uint8 // segments that are still acknowledged at once
	pingpong    uint8 // how interactive the connection looks
	ato         time.Duration
	lastData    clock.Time
	lastInvalid clock.Time // when an unacceptable segment was last answered
}

// timestampState is RFC 7323's.
type timestampState struct {
	on        bool
	sackOK    bool
	wscaleOK  bool
	recent    uint32 // TS.Recent
	recentAge clock.Time
	offset    uint32
	lastAck   seq.Num // Last.ACK.sent
}

// userState is what the user did and asked for. The flags are each connection's
// own; of what few users change a connection has a copy only if its user did.
type userState struct {
	connecting                 bool
	connected                  bool // connect has reported success, or a peer has connected
	orphan                     bool // the user has closed the socket
	counted                    bool // among the orphans
	shutWrite                  bool
	finQueued                  bool
	nodelay                    bool
	cork                       bool
	quickack                   bool
	rcvBufLocked, sndBufLocked bool
	bound                      bool
	noSpace                    bool // the user waits for room (SOCK_NOSPACE)
	fastOpenConnect            bool
	fastOpenNoCookie           bool
	maxseg                     uint16
	firstSeq                   uint32 // to begin at, beyond a TIME-WAIT that made room; 0: anywhere
	writers                    int32  // calls that wait for the handshake with data
	offer                      synOffer

	*wishes
}

// wishes are the settings that accepted connections take over from their
// listener. They are shared and never changed: see wish.
type wishes struct {
	lingerTwo           time.Duration
	userTimeout         time.Duration
	keepIdle, keepIntvl time.Duration
	keepCount           int
	synRetries          int
	timing              timing
	windowClamp         uint32
	notSentLowat        uint32
	maxPacing           uint64 // octets a second
	congestion          string
}

// wish returns a copy of the settings for the caller to change.
func (c *Conn) wish() *wishes {
	own := *c.user.wishes
	c.user.wishes = &own
	return &own
}

// usual are the settings of a socket whose user changed none.
func (m *Module) usual() *wishes {
	congestion := m.set.congestion.Get()
	if w := m.shared.wishes.Load(); w != nil && w.congestion == congestion {
		return w
	}
	w := &wishes{congestion: congestion}
	m.shared.wishes.Store(w)
	return w
}

// serverWishes are the settings that concern listeners alone.
type serverWishes struct {
	fastOpenMax  int
	fastOpenKeys fastOpenKeys // the listener's own
	deferAccept  uint8        // SYN-ACKs, not seconds
}

// NewSock returns a closed socket (socket(2)).
func (m *Module) NewSock() *Conn {
	c := &Conn{m: m, state: Closed, seldom: &m.shared.seldom}
	c.Sock.Init(m.env, c)
	c.shownState.Store(uint32(Closed))
	c.RcvBuf.Store(int32(m.set.rmem.Get(1)))
	c.SndBuf.Store(int32(m.set.wmem.Get(1)))
	c.user.wishes = m.usual()
	return c
}

// State returns the connection's state without taking the lock.
func (c *Conn) State() State { return State(c.shownState.Load()) }

// segment is a received segment while it is processed.
type segment struct {
	buf      *skb.Buffer // data begins at the TCP header until the header is pulled
	hdr      Header
	seq, ack seq.Num
	end      seq.Num // SEG.SEQ + SEG.LEN, SYN and FIN counted
	len      int     // payload bytes
	flags    Flags
	wnd      uint32 // as in the header; the window scale is the connection's
	signer   signer // of what answers it, nil for none
	options
}

// read fills s from a buffer whose header was found valid.
func (s *segment) read(b *skb.Buffer) {
	h := Header(b.Data())
	*s = segment{buf: b, hdr: h, seq: h.Seq(), ack: h.Ack(), flags: h.Flags(), wnd: uint32(h.Window())}
	s.len = b.Len() - h.Len()
	s.end = s.seq.Add(s.len)
	if s.flags&SYN != 0 {
		s.end = s.end.Add(1)
	}
	if s.flags&FIN != 0 {
		s.end = s.end.Add(1)
	}
	s.options.parse(h)
}

func (s *segment) has(f Flags) bool { return s.flags&f != 0 }
