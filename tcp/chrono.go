package tcp

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

// What a connection that has something to send waits for: the network, the
// peer's window, or its own send buffer (tcp_chrono_start; the busy, rwnd
// limited and sndbuf limited times of TCP_INFO). Of several causes the later
// in the list counts: it is the more telling one.

type chronoKind uint8

const (
	chronoIdle chronoKind = iota
	chronoBusy
	chronoRwnd
	chronoSndbuf
)

type chrono struct {
	since clock.Time
	spent [chronoSndbuf]time.Duration // of each kind but the first
	begun uint32                      // when the connection was established, in ageTicks; 0: it was not
	kind  chronoKind
}

// ageTick is the grain of a connection's age, for four bytes: a year fits.
const ageTick = 8 * time.Millisecond

// begin notes that the connection is established.
func (o *chrono) begin(now clock.Time) { o.begun = uint32(max(time.Duration(now)/ageTick, 1)) }

// age is the time since then, 0 if it never was.
func (o *chrono) age(now clock.Time) time.Duration {
	if o.begun == 0 {
		return 0
	}
	return max(time.Duration(now)-time.Duration(o.begun)*ageTick, 0)
}

func (o *chrono) set(now clock.Time, k chronoKind) {
	if o.kind != chronoIdle {
		o.spent[o.kind-1] += now.Sub(o.since)
	}
	o.kind, o.since = k, now
}

// start begins to count for k, unless a more telling cause is there.
func (o *chrono) start(now clock.Time, k chronoKind) {
	if k > o.kind {
		o.set(now, k)
	}
}

// stop ends k; what is left to say is that the connection is busy.
func (o *chrono) stop(now clock.Time, k chronoKind) {
	if o.kind == k {
		o.set(now, chronoBusy)
	}
}

// times are busy, of these limited by the peer's window, and by the buffer.
func (o *chrono) times(now clock.Time) (busy, rwnd, sndbuf time.Duration) {
	c := *o
	c.set(now, c.kind)
	rwnd, sndbuf = c.spent[chronoRwnd-1], c.spent[chronoSndbuf-1]
	return c.spent[chronoBusy-1] + rwnd + sndbuf, rwnd, sndbuf
}

// noteLimit says what stopped sendNew (tcp_write_xmit, tcp_cwnd_validate).
func (c *Conn) noteLimit(now clock.Time, sent bool) {
	o := &c.chrono
	if o.kind == chronoIdle {
		return
	}
	data := c.sendq.end.Sub(c.snd.nxt)
	window := c.sendWindowEnd().Sub(c.snd.nxt)
	if data > 0 && window < min(data, max(c.snd.mss, 1)) && c.tx.Budget() > 0 {
		o.start(now, chronoRwnd)
	} else {
		o.stop(now, chronoRwnd)
	}
	if sent && data == 0 && c.user.noSpace && c.tx.Budget() > 0 {
		o.start(now, chronoSndbuf)
	}
}

// Limited says for what share of its life the connection waited for the
// network (cwnd), for the application, and for the peer's window. The shares
// add up to 1; all are 0 before it is established.
func (i *Info) Limited() (cwnd, app, rwnd float64) {
	if i.Age <= 0 {
		return 0, 0, 0
	}
	rwnd = float64(i.RwndLimited) / float64(i.Age)
	cwnd = float64(i.Busy-i.RwndLimited-i.SndbufLimited) / float64(i.Age)
	return cwnd, 1 - cwnd - rwnd, rwnd
}

// traffic counts what passed, for TCP_INFO.
type traffic struct {
	bytesIn         uint64
	segsIn, segsOut uint32
	dataIn, dataOut uint32
	outOfOrder      uint32
}

func (t *traffic) in(b *skb.Buffer, length int) {
	n := uint32(max(1, int(b.GSOSegs)))
	t.segsIn += n
	if length > 0 {
		t.dataIn += n
	}
}

func (t *traffic) out(segs, length int) {
	t.segsOut += uint32(segs)
	if length > 0 {
		t.dataOut += uint32(segs)
	}
}
