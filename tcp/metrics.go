package tcp

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/trace"
)

// What the stack remembers of a peer between connections (RFC 9040, control
// block interdependence; Linux's tcp_metrics). A connection that ends well
// leaves its round trip, slow start threshold, window and reordering; the next
// one to the same address begins with them: its first RTO covers the round
// trip of data, which a SYN does not show, and slow start ends where the path
// was full the last time. Fast Open keeps its cookies in the same place. The
// cache is bounded, and the peer that was asked for least recently is
// forgotten first.

const (
	maxMetrics = 8192      // peers
	metricsAge = time.Hour // older figures say nothing of the path (TCP_METRICS_TIMEOUT)
)

// metrics is what is known of one peer. Lock it to read or change it.
type metrics struct {
	sync.Mutex
	peer    netip.Addr
	updated clock.Time // when the path's figures were saved, 0: never
	pathMetrics

	fastOpenCookie []byte // RFC 7413 4.1.3
	fastOpenMSS    uint16 // of the peer's last SYN-ACK
	fastOpenExp    bool   // the cookie came in the experimental option
	fastOpenTryExp uint8  // see fastopen_cache.go
	fastOpenDrops  int    // SYNs with data that were lost in a row
}

// pathMetrics are the figures of the path. Zero means not known.
type pathMetrics struct {
	srtt, rttvar time.Duration
	ssthresh     int // segments
	cwnd         int // segments
	reordering   int // segments
}

// metricsCache holds the peers, the one used last in front.
type metricsCache struct {
	mu     sync.Mutex
	byPeer map[netip.Addr]*list.Element // of *metrics
	recent list.List
}

// metricsFor returns what is known of a peer; it may be nothing.
func (m *Module) metricsFor(peer netip.Addr) *metrics {
	c := &m.metrics
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byPeer[peer]; ok {
		c.recent.MoveToFront(e)
		return e.Value.(*metrics)
	}
	return c.enter(&metrics{peer: peer})
}

func (c *metricsCache) enter(n *metrics) *metrics {
	if c.byPeer == nil {
		c.byPeer = map[netip.Addr]*list.Element{}
	}
	if c.recent.Len() >= maxMetrics {
		oldest := c.recent.Back()
		delete(c.byPeer, oldest.Value.(*metrics).peer)
		c.recent.Remove(oldest)
	}
	c.byPeer[n.peer] = c.recent.PushFront(n)
	return n
}

// known returns what is known of a peer, nil if nothing is.
func (c *metricsCache) known(peer netip.Addr) *metrics {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byPeer[peer]; ok {
		c.recent.MoveToFront(e)
		return e.Value.(*metrics)
	}
	return nil
}

// path returns the figures of the path as long as they are fresh.
func (n *metrics) path(now clock.Time) pathMetrics {
	if n.updated == 0 || now.Sub(n.updated) > metricsAge {
		return pathMetrics{}
	}
	return n.pathMetrics
}

// proven reports whether a connection with the peer ended well lately
// (tcp_peer_is_proven).
func (m *Module) proven(peer netip.Addr) bool {
	n := m.metrics.known(peer)
	if n == nil {
		return false
	}
	n.Lock()
	defer n.Unlock()
	return n.path(m.env.Clock.Now()).srtt > 0
}

// seedFromMetrics begins the transfer with what the last connection learnt
// (tcp_init_metrics).
func (c *Conn) seedFromMetrics(now clock.Time) {
	n := c.m.metrics.known(c.Peer.Addr())
	if n == nil {
		return
	}
	n.Lock()
	p := n.path(now)
	n.Unlock()
	if p == (pathMetrics{}) {
		return
	}
	if c.m.set.noSsthreshMetrics.Bool() {
		p.ssthresh = 0
	}
	c.tx.Seed(now, p.srtt, p.ssthresh, p.reordering)
	c.traceMetrics(metricsUsed, &p)
}

// saveMetrics leaves what this connection learnt to the next one
// (tcp_update_metrics). It is called where a connection ended in order: one
// that was reset or timed out knows nothing reliable.
func (c *Conn) saveMetrics() {
	if c.m.set.noMetricsSave.Bool() {
		return
	}
	now := c.Env().Clock.Now()
	n := c.m.metricsFor(c.Peer.Addr())
	n.Lock()
	defer n.Unlock()
	n.pathMetrics = n.path(now)
	if c.tx.RTT.Backoffs() > 0 || c.tx.RTT.SRTT() == 0 {
		n.srtt = 0 // no answer came in time: the figure misleads
		return
	}
	n.updated = now
	n.saveRTT(c.tx.RTT.SRTT(), c.tx.RTT.RTTVar())
	c.saveWindow(&n.pathMetrics)
	c.traceMetrics(metricsSaved, &n.pathMetrics)
}

// saveRTT takes a longer round trip as it is, a shorter one by an eighth: an
// RTO that is too long costs less than one that is too short.
func (p *pathMetrics) saveRTT(srtt, mdev time.Duration) {
	diff := p.srtt - srtt
	if diff <= 0 {
		p.srtt = srtt
	} else {
		p.srtt -= diff / 8
	}
	dev := max(diff.Abs(), mdev)
	if dev >= p.rttvar {
		p.rttvar = dev
	} else {
		p.rttvar -= (p.rttvar - dev) / 4
	}
}

// saveWindow keeps of the windows what the phase of the connection makes
// reliable.
func (c *Conn) saveWindow(p *pathMetrics) {
	st := &c.tx.CC
	threshold := 0
	switch {
	case st.Ssthresh >= cc.InfiniteSsthresh: // still in the first slow start
		if p.ssthresh > 0 {
			threshold = max(p.ssthresh, st.Cwnd/2)
		}
		p.cwnd = max(p.cwnd, st.Cwnd)
	case st.Cwnd >= st.Ssthresh && st.CA == cc.Open: // congestion avoidance
		threshold = max(st.Cwnd/2, st.Ssthresh)
		p.cwnd = (p.cwnd + st.Cwnd) / 2
	default: // slow start after a loss: the window means nothing
		if p.ssthresh > 0 {
			threshold = max(p.ssthresh, st.Ssthresh)
		}
		p.cwnd = (p.cwnd + st.Ssthresh) / 2
		if n := c.tx.Reordering(); n > p.reordering && n != c.m.set.reordering.Get() {
			p.reordering = n
		}
	}
	if !c.m.set.noSsthreshMetrics.Bool() && threshold > 0 {
		p.ssthresh = threshold
	}
}

// Verdicts of the event tcp.metrics.
const (
	metricsUsed uint32 = iota
	metricsSaved
)

func (c *Conn) traceMetrics(verdict uint32, p *pathMetrics) {
	if tr := c.Env().Trace; tr.On(trace.TCPMetrics) {
		tr.Event(trace.TCPMetrics, c.ID, verdict, uint32(p.srtt.Microseconds()), uint32(p.ssthresh), uint32(p.reordering))
	}
}

// PeerMetrics is what the stack remembers of a peer (ip tcp_metrics show).
type PeerMetrics struct {
	Peer         netip.Addr
	Age          time.Duration // since the figures were saved; negative: there are none
	SRTT, RTTVar time.Duration
	Ssthresh     int // segments
	Cwnd         int // segments
	Reordering   int // segments
	FastOpenMSS  int
	FastOpen     []byte // the cookie
	FastOpenDrop int    // SYNs with data that were lost in a row
}

// Metrics returns what is remembered of all peers, the one asked for last
// first.
func (m *Module) Metrics() []PeerMetrics {
	c, now := &m.metrics, m.env.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]PeerMetrics, 0, c.recent.Len())
	for e := c.recent.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*metrics).show(now))
	}
	return all
}

func (n *metrics) show(now clock.Time) PeerMetrics {
	n.Lock()
	defer n.Unlock()
	p := n.path(now)
	age := time.Duration(-1)
	if n.updated != 0 {
		age = now.Sub(n.updated)
	}
	return PeerMetrics{Peer: n.peer, Age: age, SRTT: p.srtt, RTTVar: p.rttvar, Ssthresh: p.ssthresh, Cwnd: p.cwnd,
		Reordering: p.reordering, FastOpenMSS: int(n.fastOpenMSS), FastOpenDrop: n.fastOpenDrops, FastOpen: append([]byte(nil), n.fastOpenCookie...)}
}

// ForgetMetrics forgets what is remembered of a peer, or of all for the zero
// address (ip tcp_metrics delete, flush).
func (m *Module) ForgetMetrics(peer netip.Addr) {
	c := &m.metrics
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.recent.Front(); e != nil; {
		next := e.Next()
		if n := e.Value.(*metrics); !peer.IsValid() || n.peer == peer {
			delete(c.byPeer, n.peer)
			c.recent.Remove(e)
		}
		e = next
	}
}
