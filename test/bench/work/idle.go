package work

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Names of what an idle connection costs the subject's process.
const (
	HeapPerConn       = "heap B/conn" // with the stacks of goroutines
	ResidentPerConn   = "resident B/conn"
	GoroutinesPerConn = "goroutines/conn"
	OpenPerSecond     = "opened/s"
)

const (
	idlePort  = 7000  // the first of several
	portReach = 50000 // connections to one port
)

func idle() (list []Work) {
	for _, n := range []struct {
		name          string
		conns, rounds int
	}{{"1k", 1000, 3}, {"10k", 10_000, 3}, {"100k", 100_000, 2}, {"500k", 500_000, 1}} {
		list = append(list, Work{Name: "idle-" + n.name, About: fmt.Sprintf("%d connections, each used for one byte there and back and then left alone", n.conns),
			Unit: Bytes, Counted: Subject, Streams: 1, Idle: n.conns, Setup: patience(n.conns), Rounds: n.rounds, Skip: inPipe("the peer is a station on the kernel's end"),
			OnSubject: Part{Listen: holdIdle, Finish: weighIdle}, OnPeer: Part{Run: openIdle}})
	}
	for _, w := range bulk()[:2] {
		w.Name += "-100k-idle"
		w.About += ", beside 100000 idle connections"
		w.Idle, w.Setup, w.Rounds, w.Skip = 100_000, patience(100_000), 3, inPipe("the peer is a station on the kernel's end")
		w.OnSubject.Listen = both(holdIdle, w.OnSubject.Listen)
		w.OnPeer.Run = both(openIdle, w.OnPeer.Run)
		list = append(list, w)
	}
	return list
}

func patience(conns int) time.Duration { return time.Duration(conns) * 400 * time.Microsecond }

// both does two things, of which the second may be none.
func both(a, b func(*Env) error) func(*Env) error {
	return func(e *Env) error {
		if err := a(e); err != nil || b == nil {
			return err
		}
		return b(e)
	}
}

// held are the connections that the subject keeps, and what its process was
// before them.
type held struct {
	mu     sync.Mutex
	conns  []net.Conn
	before footprint
}

type footprint struct{ heap, resident, goroutines float64 }

// holdIdle accepts connections, answers one byte on each, and keeps them.
func holdIdle(e *Env) error {
	e.held = &held{conns: make([]net.Conn, 0, e.Idle)}
	for i := range ports(e.Idle) {
		l, err := e.Net.Listen(addrOf(e.Own, idlePort+i))
		if err != nil {
			return err
		}
		go e.held.accept(l)
	}
	e.held.before = weigh()
	return nil
}

func ports(conns int) int { return (conns + portReach - 1) / portReach }

func (h *held) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if k, ok := c.(interface{ SetKeepAlive(bool) error }); ok {
			_ = k.SetKeepAlive(false) // gVisor's connections have none
		}
		go func() {
			b := make([]byte, 1)
			if _, err := io.ReadFull(c, b); err == nil {
				_, _ = c.Write(b)
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			h.conns = append(h.conns, c)
		}()
	}
}

// weigh collects garbage and tells what is left.
func weigh() footprint {
	debug.FreeOSMemory()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{float64(m.HeapAlloc + m.StackInuse), resident(), float64(runtime.NumGoroutine())}
}

// resident is the process's memory in bytes (proc_pid_status(5)).
func resident() float64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kb, _ := strconv.ParseFloat(f[1], 64)
			return kb * 1024
		}
	}
	return 0
}

// weighIdle notes what each connection costs. The slice that holds them was
// there before.
func weighIdle(e *Env) error {
	h := e.held
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.conns) != e.Idle {
		return fmt.Errorf("%d connections of %d are there", len(h.conns), e.Idle)
	}
	now, n := weigh(), float64(e.Idle)
	e.Extra[HeapPerConn] = (now.heap - h.before.heap) / n
	e.Extra[ResidentPerConn] = (now.resident - h.before.resident) / n
	e.Extra[GoroutinesPerConn] = (now.goroutines - h.before.goroutines) / n
	return nil
}
