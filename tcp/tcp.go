// Package tcp is the Transmission Control Protocol (RFC 9293) as Linux speaks
// it. Three things make a connection act: a segment arrives (input.go,
// arrive.go), a user calls (user.go, send.go, recv.go), a timer fires
// (timer.go). Each ends in output (output.go), the only function that sends
// data. What was sent and when it is to be sent again is decided by the pure
// package tcp/rtx, how much may be under way by tcp/cc.
package tcp

import (
	"sync"
	"sync/atomic"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/tcp/cc"
	"github.com/slankdev/ministack/tcp/rtx"
)

// Module is a stack's TCP: its tables and settings (tcp_prot, tcp_hashinfo).
type Module struct {
	env *inet.Env
	net inet.Network
	set settings

	congestion *cc.Registry
	ranges     *rtx.Pool // memory of retransmission queues
	storage    storage   // and of send queues
	shared     shared
	timers     sync.Pool // *clock.Timer, of connections that have a deadline

	demux   demux
	ports   ports
	secrets secrets
	batch   batch
	resting resting
	waiting waiting
	limits  challengeLimit
	foKey   foKeySetting
	metrics metricsCache
	mem     memory

	forward  atomic.Pointer[forwarder]
	forwards forwards
}

// New returns the TCP module of a stack. The caller enters it in the network
// layer's protocol table.
func New(env *inet.Env, net inet.Network) *Module {
	m := &Module{env: env, net: net, congestion: cc.NewRegistry(), ranges: new(rtx.Pool), storage: storage{chunks: env.Pool}}
	m.foKey.init(env.Rand)
	m.set.declare(env.Sysctl)
	m.congestion.Register("cubic", func() cc.Algorithm { return cc.NewCubicWith(m.set.hystart.Get()) })
	env.Sysctl.Func("net.ipv4.tcp_fastopen_key", m.foKey.String, m.foKey.set)
	m.set.declareCongestion(env.Sysctl, m.congestion)
	m.secrets.init(env.Rand)
	m.demux.init(env.Rand)
	m.ports.init(m)
	m.waiting.init(m)
	return m
}

// shared is what connections have in common as long as nobody changes a setting.
type shared struct {
	wishes   atomic.Pointer[wishes]
	recovery atomic.Pointer[rtx.Shared]
	headers  [2][256]atomic.Pointer[inet.Header] // by DF and TOS
	seldom   seldom                              // of connections that have nothing of it
}

// batch collects the connections that got segments in a receive batch, so that
// each decides its acknowledgement once.
type batch struct {
	mu    sync.Mutex
	conns []*Conn
	spare []*Conn
}

// add enters c; the caller holds c's lock.
func (b *batch) add(c *Conn) {
	if c.inBatch {
		return
	}
	c.inBatch = true
	b.mu.Lock()
	b.conns = append(b.conns, c)
	b.mu.Unlock()
}

func (b *batch) take() []*Conn {
	b.mu.Lock()
	defer b.mu.Unlock()
	conns := b.conns
	b.conns, b.spare = b.spare[:0], nil
	return conns
}

func (b *batch) giveBack(conns []*Conn) {
	clear(conns)
	b.mu.Lock()
	b.spare = conns
	b.mu.Unlock()
}

// EndBatch ends a receive batch: connections that got segments acknowledge
// and send what the acknowledgements they got allow.
func (m *Module) EndBatch() {
	conns := m.batch.take()
	for _, c := range conns {
		c.Defer(deferBatchEnd)
	}
	m.batch.giveBack(conns)
}

// Block is a range of sequence space in a SACK option.
type Block = rtx.Block

// PortRange is net.ipv4.ip_local_port_range, which UDP shares.
func (m *Module) PortRange() *sysctl.Vector { return m.set.portRange }
