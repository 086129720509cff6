package tcp

import (
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/seq"
)

// TIME-WAIT (RFC 9293 3.6.1), and FIN-WAIT-2 of a connection without a user,
// are small entries (struct tcp_timewait_sock): the connection itself is gone.
// They expire in the order in which they came, since all wait equally long, so
// one list and one timer serve all.

type timeWait struct {
	m          *Module
	node       *node
	use        *portUse
	next, prev *timeWait
	expires    clock.Time
	answered   clock.Time
	sndNxt     seq.Num
	rcvNxt     seq.Num
	rcvWnd     uint32
	tsRecent   uint32
	tsOffset   uint32
	sub        State
	rcvWScale  uint8
	ts, dead   bool
	signer     signer
	tos        uint8
	device     int
}

// waiting is the list of all such entries, by expiry.
type waiting struct {
	mu          sync.Mutex
	first, last *timeWait
	count       int
	timer       clock.Timer
}

func (w *waiting) init(m *Module) {
	w.timer.Init(m.env.Clock, func(x any) { x.(*Module).expireTimeWait() }, m)
}

// add enters t by its expiry, from behind: it is almost always the last.
func (w *waiting) add(t *timeWait) {
	at := w.last
	for at != nil && at.expires > t.expires {
		at = at.prev
	}
	t.prev = at
	if at == nil {
		t.next, w.first = w.first, t
	} else {
		t.next, at.next = at.next, t
	}
	if t.next == nil {
		w.last = t
	} else {
		t.next.prev = t
	}
	w.count++
	if w.first == t {
		w.timer.Reset(t.expires)
	}
}

func (w *waiting) remove(t *timeWait) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		w.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		w.last = t.prev
	}
	t.next, t.prev = nil, nil
	w.count--
}

// enterTimeWait puts a small entry in the place of a connection, for the time
// given. Beyond tcp_max_tw_buckets there is none.
func (m *Module) enterTimeWait(c *Conn, sub State, wait time.Duration) {
	t := &timeWait{m: m, sub: sub, expires: m.env.Clock.Now().Add(wait), sndNxt: c.snd.nxt, rcvNxt: c.rcv.nxt,
		rcvWnd: uint32(c.receiveWindow()), rcvWScale: c.rcv.wscale, ts: c.ts.on, tsRecent: c.ts.recent,
		tsOffset: c.ts.offset, tos: c.Options.TOS, device: c.Options.Device, signer: c.detachedSigner()}
	m.waiting.mu.Lock()
	defer m.waiting.mu.Unlock()
	if m.waiting.count >= m.set.maxTWBuckets.Get() {
		m.env.Stat.Inc(stat.TcpExtTCPTimeWaitOverflow)
		return
	}
	if c.hash.node == nil {
		return
	}
	t.node = m.demux.replace(c.hash.node, t)
	t.use, c.hash.use, c.hash.node = c.hash.use, nil, nil
	m.waiting.add(t)
	m.env.Stat.Inc(timeWaitCounter(wait))
}

// timeWaitCounter tells short waits, of orphans in FIN-WAIT-2, from others.
func timeWaitCounter(wait time.Duration) stat.ID {
	if wait <= 4*time.Second {
		return stat.TcpExtTWKilled
	}
	return stat.TcpExtTW
}

// expireTimeWait ends the entries whose time has come.
func (m *Module) expireTimeWait() {
	w := &m.waiting
	w.mu.Lock()
	defer w.mu.Unlock()
	now := m.env.Clock.Now()
	for t := w.first; t != nil && t.expires <= now; t = w.first {
		m.kill(t)
	}
	if w.first != nil {
		w.timer.Reset(w.first.expires)
	}
}

// kill takes an entry out of all tables; the list's lock is held.
func (m *Module) kill(t *timeWait) {
	if t.dead {
		return
	}
	t.dead = true
	m.waiting.remove(t)
	m.demux.remove(t.node)
	if t.use != nil {
		m.ports.release(t.use)
	}
}

// restart begins the wait again.
func (t *timeWait) restart() {
	w := &t.m.waiting
	w.remove(t)
	t.expires = t.m.env.Clock.Now().Add(timeWaitLen)
	w.add(t)
}

// receive takes over a segment (tcp_timewait_state_process).
func (t *timeWait) receive(b *skb.Buffer) skb.Reason {
	var s segment
	s.read(b)
	s.signer = t.signer
	w := &t.m.waiting
	w.mu.Lock()
	if t.dead {
		w.mu.Unlock()
		return b.Drop(skb.TCPTimeWait)
	}
	if t.reopens(&s) {
		return t.reopen(b) // unlocks
	}
	answer := t.timeWait
	if t.sub == FinWait2 {
		answer = t.finWait2
	}
	reason, then := answer(&s)
	w.mu.Unlock()
	if then != nil { // what is sent may meet other locks
		t.m.send(then)
	}
	return b.Drop(reason)
}

// state is FIN-WAIT-2 or TIME-WAIT.
func (t *timeWait) state() State {
	t.m.waiting.mu.Lock()
	defer t.m.waiting.mu.Unlock()
	return t.sub
}

func (t *timeWait) pawsRejects(s *segment) bool {
	return t.ts && s.hasTS && int32(s.tsval-t.tsRecent) < 0
}

// reopens reports whether s is a SYN that may begin a new incarnation: beyond
// what this one received, by sequence number or by timestamp (RFC 9293 3.6.1,
// RFC 6191).
func (t *timeWait) reopens(s *segment) bool {
	if t.sub != TimeWait || !s.has(SYN) || s.has(RST) || s.has(ACK) || t.pawsRejects(s) {
		return false
	}
	return s.seq.After(t.rcvNxt) || t.ts && s.hasTS && int32(t.tsRecent-s.tsval) < 0
}

// reopen gives the SYN to the listener, with an initial sequence number beyond
// the old one's. The list's lock is held, and given up.
func (t *timeWait) reopen(b *skb.Buffer) skb.Reason {
	m := t.m
	names := namesOf(b, Header(b.Data()))
	l := m.demux.listener(&names, int(b.IfIndex))
	if l == nil && m.forward.Load() == nil {
		m.waiting.mu.Unlock()
		return b.Drop(skb.NoSocket)
	}
	m.kill(t)
	m.waiting.mu.Unlock()
	b.CB[cbISN] = t.nextISN()
	return m.inputListener(b, Header(b.Data()), &names)
}

// nextISN is beyond every window that the old incarnation could have sent in
// (RFC 9293 3.4.3).
func (t *timeWait) nextISN() uint32 { return max(t.sndNxt.Add(65535+2).Uint32(), 1) }

// finWait2 waits for the peer's FIN, which may come with nothing else: there
// is nobody to read. It returns what is to be sent, when the list's lock is given up.
func (t *timeWait) finWait2(s *segment) (skb.Reason, *reply) {
	switch {
	case t.pawsRejects(s):
		return skb.TCPRFC7323PAWS, t.acknowledge(s)
	case !t.inWindow(s):
		if s.has(RST) {
			return skb.TCPInvalidSequence, nil
		}
		return skb.TCPInvalidSequence, t.acknowledge(s)
	case s.has(RST):
		t.m.kill(t)
		return skb.TCPReset, nil
	case s.has(SYN) && s.seq.AtOrAfter(t.rcvNxt):
		t.m.kill(t)
		return skb.TCPInvalidSyn, t.m.resetOf(s, rstOrphan)
	case !s.has(ACK) || s.end.AtOrBefore(t.rcvNxt) || s.end == s.seq:
		return skb.TCPTimeWait, nil
	case !s.has(FIN) || s.end != t.rcvNxt.Add(1):
		t.m.kill(t)
		return skb.TCPAbortOnData, t.m.resetOf(s, rstOrphan)
	}
	t.sub, t.rcvNxt = TimeWait, s.end
	if t.ts && s.hasTS {
		t.tsRecent = s.tsval
	}
	t.restart()
	return skb.TCPTimeWait, t.ack(s.buf.ID)
}

func (t *timeWait) inWindow(s *segment) bool {
	end := t.rcvNxt.Add(int(t.rcvWnd))
	if s.seq == t.rcvNxt {
		return true
	}
	return s.end.After(t.rcvNxt) && s.seq.Before(end) || s.seq == end && s.seq == s.end
}

// timeWait acknowledges what the peer repeats, and waits on (RFC 9293
// 3.10.7.4; RFC 1337 for resets).
func (t *timeWait) timeWait(s *segment) (skb.Reason, *reply) {
	rejects := t.pawsRejects(s)
	if !rejects && s.seq == t.rcvNxt && (s.seq == s.end || s.has(RST)) {
		if s.has(RST) {
			if !t.m.set.rfc1337.Bool() {
				t.m.kill(t)
			}
			return skb.TCPReset, nil
		}
		if t.ts && s.hasTS {
			t.tsRecent = s.tsval
		}
		t.restart()
		return skb.TCPTimeWait, nil
	}
	if s.has(RST) {
		return skb.TCPReset, nil
	}
	reason := skb.TCPTimeWait
	if rejects {
		reason = skb.TCPRFC7323PAWS
	}
	if rejects || s.has(ACK) {
		t.restart()
	}
	return reason, t.acknowledge(s)
}

// acknowledge answers, not more often than tcp_invalid_ratelimit.
func (t *timeWait) acknowledge(s *segment) *reply {
	now := t.m.env.Clock.Now()
	gap := time.Duration(t.m.set.invalidRatelimit.Get()) * time.Millisecond
	if t.answered != 0 && now.Sub(t.answered) < gap {
		t.m.env.Stat.Inc(t.skipped())
		return nil
	}
	t.answered = now
	return t.ack(s.buf.ID)
}

func (t *timeWait) skipped() stat.ID {
	if t.sub == FinWait2 {
		return stat.TcpExtTCPACKSkippedFinWait2
	}
	return stat.TcpExtTCPACKSkippedTimeWait
}

func (t *timeWait) ack(cause uint64) *reply {
	return &reply{names: t.node.key.tuple(), cause: cause, device: t.device, tos: t.tos,
		fields: fields{seq: t.sndNxt, ack: t.rcvNxt, flags: ACK, window: uint16(t.rcvWnd >> t.rcvWScale)},
		opts:   optionSpace{sig: t.signer, ts: t.ts, tsval: uint32(t.m.env.Clock.Now().Milliseconds()) + t.tsOffset, tsecr: t.tsRecent}}
}

// reusable reports whether a new connection may have these names: they are
// free, or wait in TIME-WAIT where tcp_tw_reuse lets timestamps tell the
// incarnations apart (RFC 6191). The new one's sequence numbers are to begin
// at first, beyond the old one's; 0: anywhere.
func (m *Module) reusable(names tuple) (first uint32, ok bool) {
	switch e := m.demux.lookup(&names).(type) {
	case nil:
		return 0, true
	case *timeWait:
		return m.reuse(e, names)
	}
	return 0, false
}

func (m *Module) reuse(t *timeWait, names tuple) (first uint32, ok bool) {
	mode := m.set.twReuse.Get()
	if mode == 0 || mode == 2 && !names.peer.Addr().IsLoopback() {
		return 0, false
	}
	m.waiting.mu.Lock()
	defer m.waiting.mu.Unlock()
	age := timeWaitLen - t.expires.Sub(m.env.Clock.Now())
	if t.dead || t.sub != TimeWait || !t.ts || age < time.Duration(m.set.twReuseDelay.Get())*time.Millisecond {
		return 0, t.dead
	}
	m.kill(t)
	m.env.Stat.Inc(stat.TcpExtTWRecycled)
	return t.nextISN(), true
}
