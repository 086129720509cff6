package tcp

import (
	"sync/atomic"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Memory for all of TCP (tcp(7), tcp_mem; Linux's sk_mem_charge). Each socket
// has limits of its own, but many sockets at their limits would still take all
// memory there is. So what sockets are charged is summed up, in pages, and held
// against three numbers:
//
//   - up to low nobody cares;
//   - from pressure on, until it falls to low again, TCP is under pressure:
//     receive windows do not grow but close down to four segments, send buffers
//     do not grow, and a connection that holds more than its share gets no more;
//   - beyond high only what cannot be refused is taken: the first segment for an
//     empty receive queue, so that every reader makes progress, and the first
//     bytes of an empty send buffer.
//
// A connection reserves pages as it is charged, and gives them back when it
// holds clearly less, so that most changes touch nothing that others share.
// What is refused here is dropped as PROTO_MEM or waits as for a full buffer.

const (
	pageSize  = 4096
	pageSlack = 16 // pages that a connection keeps for what comes next
	// memoryWait is how long a writer waits before it asks again for memory
	// that other connections hold.
	memoryWait = 100 * time.Millisecond
)

// Elements of net.ipv4.tcp_mem, in pages.
const (
	memLow = iota
	memPressure
	memHigh
)

// memory is what all connections of a stack hold together.
type memory struct {
	pages    atomic.Int64
	sockets  atomic.Int64 // that are not closed
	orphans  atomic.Int64 // of these, without a user
	pressure atomic.Int64 // when it began, 0: there is none
}

func pagesFor(bytes int) int { return (bytes + pageSize - 1) / pageSize }

// held is what the connection is charged, in bytes.
func (c *Conn) held() int { return int(c.RmemAlloc.Load()) + int(c.WmemAlloc.Load()) }

// chargeSend books what the send queue holds.
func (c *Conn) chargeSend() {
	c.WmemAlloc.Store(int32(c.sendq.held()))
	c.settle()
}

// settle has the connection reserve the pages that it is charged for. It
// follows every change of a charge.
func (c *Conn) settle() {
	want := pagesFor(c.held())
	if over := int(c.reserved) - want; over == 0 || over > 0 && over <= pageSlack && want > 0 {
		return
	}
	pages := int(c.m.mem.pages.Add(int64(want - int(c.reserved))))
	c.reserved = int32(want)
	c.m.judgeMemory(pages)
}

// judgeMemory begins and ends pressure (tcp_enter_memory_pressure,
// tcp_leave_memory_pressure).
func (m *Module) judgeMemory(pages int) {
	switch {
	case pages > m.set.mem.Get(memPressure):
		now := max(int64(m.env.Clock.Now()), 1)
		if m.mem.pressure.CompareAndSwap(0, now) {
			m.env.Stat.Inc(stat.TcpExtTCPMemoryPressures)
			m.traceMemory(memoryPressure, pages)
		}
	case pages <= m.set.mem.Get(memLow) && m.mem.pressure.Load() != 0:
		if began := m.mem.pressure.Swap(0); began != 0 {
			lasted := m.env.Clock.Now().Sub(clock.Time(began))
			m.env.Stat.Add(stat.TcpExtTCPMemoryPressuresChrono, int(lasted/time.Millisecond))
			m.traceMemory(memoryRelief, pages)
		}
	}
}

// Verdicts of the event tcp.memory.
const (
	memoryPressure uint32 = iota
	memoryRelief
	memoryRefused
)

func (m *Module) traceMemory(verdict uint32, pages int) {
	if tr := m.env.Trace; tr.On(trace.TCPMemory) {
		tr.Event(trace.TCPMemory, 0, verdict, uint32(pages), uint32(m.mem.sockets.Load()), uint32(m.mem.orphans.Load()))
	}
}

// underPressure reports whether memory is scarce.
func (c *Conn) underPressure() bool { return c.m.mem.pressure.Load() != 0 }

// mayHold reports whether the connection may be charged n bytes more
// (__sk_mem_raise_allocated); least is what each may have of the kind that is
// asked for, and has what it has of it now.
func (c *Conn) mayHold(n, has, least int) bool {
	extra := pagesFor(c.held()+n) - int(c.reserved)
	if extra <= 0 {
		return true
	}
	m := c.m
	pages := int(m.mem.pages.Load()) + extra
	switch {
	case pages <= m.set.mem.Get(memLow):
		return true
	case pages > m.set.mem.Get(memHigh):
	case has < least:
		return true
	case !c.underPressure() && pages <= m.set.mem.Get(memPressure):
		return true
	case c.fairShare(n):
		m.judgeMemory(pages)
		return true
	}
	m.judgeMemory(pages)
	m.traceMemory(memoryRefused, pages)
	return false
}

// fairShare reports whether all could hold as much as the connection would.
func (c *Conn) fairShare(n int) bool {
	sockets := max(int(c.m.mem.sockets.Load()), 1)
	return c.m.set.mem.Get(memHigh) > sockets*pagesFor(c.held()+n)
}

// mayReceive asks for a segment of so many bytes of true size. The first one of
// an empty queue is never refused (sk_forced_mem_schedule).
func (c *Conn) mayReceive(size int, first bool) bool {
	return first || c.mayHold(size, int(c.RmemAlloc.Load()), c.m.set.rmem.Get(0))
}

// maySendMore asks for n bytes of a write. Where they are refused the send
// buffer shrinks to half of what is in it (sk_stream_moderate_sndbuf), so that
// what is written next waits for acknowledgements; what would have filled it
// anyway is let in, for nobody could wait for room in a buffer that has it.
func (c *Conn) maySendMore(n int) bool {
	has := c.sendq.held()
	if c.mayHold(n, has, c.m.set.wmem.Get(0)) {
		return true
	}
	if !c.user.sndBufLocked {
		c.SndBuf.Store(int32(max(min(int(c.SndBuf.Load()), has/2), minSndBuf)))
	}
	return has+n >= int(c.SndBuf.Load())
}

const minSndBuf = 4608 // SOCK_MIN_SNDBUF

// waitForRoom sleeps until the send buffer has room again, or, where it has
// room that memory does not allow to use, for a while.
func (c *Conn) waitForRoom(p *inet.Patience) error {
	if c.sendRoom() == 0 {
		return c.Sleep(inet.PollOut, p)
	}
	return c.SleepUntil(inet.PollOut, p, c.Env().Clock.Now().Add(memoryWait))
}

// closeWindow has the window offer no more than four segments
// (tcp_adjust_rcv_ssthresh).
func (c *Conn) closeWindow() {
	c.rcv.ssthresh = min(c.rcv.ssthresh, 4*uint32(c.rcv.advMSS))
}

// outOfMemory reports whether the connection has data queued while all of TCP
// holds more than it may (tcp_out_of_memory).
func (c *Conn) outOfMemory() bool {
	return c.sendq.held() > minSndBuf && int(c.m.mem.pages.Load()) > c.m.set.mem.Get(memHigh)
}

// Memory is what all of TCP holds (/proc/net/sockstat).
type Memory struct {
	Pages    int  // of 4096 bytes
	Sockets  int  // that are not closed, listeners among them
	Orphans  int  // connections without a user
	TimeWait int  // small entries
	Pressure bool // see net.ipv4.tcp_mem
}

// Memory returns what all connections hold together.
func (m *Module) Memory() Memory {
	m.waiting.mu.Lock()
	waiting := m.waiting.count
	m.waiting.mu.Unlock()
	return Memory{Pages: int(m.mem.pages.Load()), Sockets: int(m.mem.sockets.Load()), Orphans: int(m.mem.orphans.Load()),
		TimeWait: waiting, Pressure: m.mem.pressure.Load() != 0}
}
