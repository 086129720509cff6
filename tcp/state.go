package tcp

import (
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// State is a connection's state (RFC 9293 3.3.2), with Linux's numbers
// (enum in tcp_states.h), which TCP_INFO shows.
type State uint8

// The states. SynRecv is RFC 9293's SYN-RECEIVED, and so on.
const (
	Established State = iota + 1
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Closed
	CloseWait
	LastAck
	Listen
	Closing
	NewSynRecv // a half-open entry, before it is a connection
	numStates
)

var stateNames = [numStates]string{
	"?", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
	"CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV",
}

// String returns Linux's name, "FIN_WAIT1".
func (s State) String() string {
	if s >= numStates {
		return "?"
	}
	return stateNames[s]
}

// Set is a set of states, one bit each (TCPF_*).
type stateSet uint16

func setOf(states ...State) stateSet {
	var s stateSet
	for _, st := range states {
		s |= 1 << st
	}
	return s
}

func (s State) in(set stateSet) bool { return set&(1<<s) != 0 }

// moves is RFC 9293 figure 5 with the edges that a user's abort, a reset and
// a time-out add, and without LISTEN to SYN-SENT: listeners do not send.
// setState, the tests and the diagram in the docs all read it.
var moves = [numStates]stateSet{
	Closed:      setOf(Listen, SynSent),
	Listen:      setOf(SynRecv, Closed),
	SynSent:     setOf(SynRecv, Established, Closed),
	SynRecv:     setOf(Established, FinWait1, Closed),
	Established: setOf(FinWait1, CloseWait, Closed),
	FinWait1:    setOf(FinWait2, Closing, Closed), // TIME-WAIT through FIN-WAIT-2, in one segment
	FinWait2:    setOf(TimeWait, Closed),
	Closing:     setOf(TimeWait, Closed),
	CloseWait:   setOf(LastAck, Closed),
	LastAck:     setOf(Closed),
	TimeWait:    setOf(Closed),
}

// Allowed reports whether a connection may go from one state to the other in
// one step.
func Allowed(from, to State) bool { return to.in(moves[from]) }

// cloned makes a new connection what it begins as: a copy of its listener, in
// the same state (inet_csk_clone_lock).
func (c *Conn) cloned() {
	c.countState(c.state, Listen)
	c.state = Listen
}

// setState is the only place where a connection's state changes.
func (c *Conn) setState(to State) {
	from := c.state
	if from == to {
		return
	}
	if !Allowed(from, to) {
		panic("tcp: " + from.String() + " to " + to.String() + " is not in RFC 9293's diagram")
	}
	c.countState(from, to)
	c.state = to
	c.shownState.Store(uint32(to))
	c.Env().Trace.Slow(trace.TCPState, c.ID, c.cause, [4]uint32{uint32(from), uint32(to), trace.Addr(c.Peer.Addr()),
		uint32(c.Local.Port())<<16 | uint32(c.Peer.Port())})
	if to == Closed {
		c.m.unhash(c)
	}
	c.Wake(inet.PollIn | inet.PollOut)
}

// countState keeps CurrEstab and the counters of connections that fail.
func (c *Conn) countState(from, to State) {
	st := c.Env().Stat
	counted := setOf(Established, CloseWait)
	switch Closed {
	case from:
		c.m.mem.sockets.Add(1)
	case to:
		c.m.mem.sockets.Add(-1)
	}
	switch {
	case !from.in(counted) && to == Established:
		st.Inc(stat.TcpCurrEstab)
	case from.in(counted) && !to.in(counted):
		st.Dec(stat.TcpCurrEstab)
	}
	if to == Closed {
		switch {
		case from.in(setOf(SynSent, SynRecv)):
			st.Inc(stat.TcpAttemptFails)
		case from.in(counted):
			st.Inc(stat.TcpEstabResets)
		}
	}
}
