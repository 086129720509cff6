package tcp

import (
	"net/netip"
)

// Entry is one line of ss: a listener, a connection, a half-open or a waiting
// entry.
type Entry struct {
	State        State
	Local, Peer  netip.AddrPort
	RecvQ, SendQ int   // bytes; of a listener: connections that wait, and the backlog
	Conn         *Conn // nil for small entries
}

// Each calls fn for everything in the tables.
func (m *Module) Each(fn func(Entry)) {
	for _, list := range *m.demux.listeners.byPort.Load() {
		for _, c := range list {
			fn(c.entry())
		}
	}
	m.demux.each(func(t tuple, e entry) {
		switch e := e.(type) {
		case *Conn:
			fn(e.entry())
		case *request, *Attempt:
			fn(Entry{State: SynRecv, Local: t.local, Peer: t.peer})
		case *timeWait:
			fn(Entry{State: e.state(), Local: t.local, Peer: t.peer})
		}
	})
}

// entry describes a socket.
func (c *Conn) entry() Entry {
	c.Lock()
	defer c.Unlock()
	e := Entry{State: c.state, Local: c.Local, Peer: c.Peer, Conn: c}
	if c.listener != nil {
		e.RecvQ, e.SendQ = len(c.listener.accept), c.listener.backlog
	} else {
		e.RecvQ, e.SendQ = c.recvq.bytes, c.sendq.bytes()
	}
	return e
}

// Close resets every connection, closes every listener and empties the tables.
// Users' calls that wait are woken.
func (m *Module) Close() {
	m.forwards.close()
	var conns []*Conn
	m.Each(func(e Entry) {
		if e.Conn != nil {
			conns = append(conns, e.Conn)
		}
	})
	for _, c := range conns {
		c.Abort()
	}
	m.waiting.mu.Lock()
	defer m.waiting.mu.Unlock()
	m.waiting.timer.Stop()
	for m.waiting.first != nil {
		m.kill(m.waiting.first)
	}
}
