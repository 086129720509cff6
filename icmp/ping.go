package icmp

import (
	"net/netip"
	"sync"
	"syscall"

	"github.com/slankdev/ministack/checksum"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/trace"
)

// Ping sockets (socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP); ping.c): an echo
// request goes out under an identifier that belongs to the socket, and only
// the replies to it come back (B48).

// Pinger is who owns an identifier, or one of those who share it.
type Pinger struct {
	ID uint16
	// Shares lets others that say so have the same identifier; the last that
	// came and wants a packet gets it.
	Shares bool
	// Wants asks for what came in by a device to, or is about what was sent
	// from, a local address; nil: all.
	Wants func(local netip.Addr, device int) bool
	// Deliver takes over an echo reply; its data begins at the ICMP header.
	Deliver func(b *skb.Buffer) skb.Reason
	// Error is told of errors about a request.
	Error func(b *skb.Buffer, e *inet.Error)
}

// pingTable is ping.c's: who has which identifier, the last that came first.
type pingTable struct {
	mu   sync.RWMutex
	byID map[uint16][]*Pinger
	next uint16
}

func (t *pingTable) init() { t.byID = map[uint16][]*Pinger{} }

// AddPinger enters p; an ID of 0 chooses one (ping_get_port). Error:
// EADDRINUSE.
func (m *Module) AddPinger(p *Pinger) error {
	t := &m.pings
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.ID == 0 && !t.choose(p) {
		return syscall.EADDRINUSE
	}
	for _, o := range t.byID[p.ID] {
		if !o.Shares || !p.Shares {
			return syscall.EADDRINUSE
		}
	}
	t.byID[p.ID] = append([]*Pinger{p}, t.byID[p.ID]...)
	return nil
}

// choose gives p the next identifier that nobody has.
func (t *pingTable) choose(p *Pinger) bool {
	if len(t.byID) == 65535 {
		return false
	}
	for t.next++; t.next == 0 || t.byID[t.next] != nil; t.next++ {
	}
	p.ID = t.next
	return true
}

// RemovePinger takes p out.
func (m *Module) RemovePinger(p *Pinger) {
	t := &m.pings
	t.mu.Lock()
	defer t.mu.Unlock()
	var kept []*Pinger
	for _, o := range t.byID[p.ID] {
		if o != p {
			kept = append(kept, o)
		}
	}
	if t.byID[p.ID] = kept; kept == nil {
		delete(t.byID, p.ID)
	}
}

// find is ping_lookup.
func (t *pingTable) find(id uint16, local netip.Addr, device int) *Pinger {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, p := range t.byID[id] {
		if p.Wants == nil || p.Wants(local, device) {
			return p
		}
	}
	return nil
}

func (t *pingTable) deliver(b *skb.Buffer, id uint16) skb.Reason {
	if p := t.find(id, b.Net.Dst, int(b.IfIndex)); p != nil {
		return p.Deliver(b)
	}
	return b.Drop(skb.NoSocket)
}

func (t *pingTable) fail(b *skb.Buffer, id uint16, e *inet.Error) {
	if p := t.find(id, b.Net.Src, int(b.IfIndex)); p != nil {
		p.Error(b, e)
	}
}

// EchoRequest reports whether a message is one that SendEcho sends.
func EchoRequest(message []byte) bool {
	return len(message) >= HeaderLen && message[0] == TypeEcho && message[1] == 0
}

// SendEcho sends an echo request: message is the ICMP header and the data, of
// which type, identifier and checksum are set here. Errors: EINVAL for
// anything but an echo request, and those of inet.Network.Output.
func (m *Module) SendEcho(p *Pinger, r *inet.Route, message []byte, h *inet.Header) error {
	if !EchoRequest(message) {
		return syscall.EINVAL
	}
	b := m.env.Pool.New(len(message))
	b.Append(message)
	t := Header(b.Data())
	t.SetIdent(p.ID)
	t.setChecksum(0)
	t.setChecksum(checksum.Finish(checksum.Sum(0, t)))
	b.SetTransport()
	m.env.Trace.MarkSent(b, r.Src, r.Dst, inet.ProtoICMP)
	if b.Traced {
		m.env.Trace.Packet(trace.ICMPTx, b, uint32(TypeEcho), 0, trace.Addr(r.Dst), 0)
	}
	m.env.Stat.Inc(stat.IcmpOutMsgs)
	m.env.Stat.Inc(stat.IcmpOutEchos)
	h.Proto = inet.ProtoICMP
	return m.ip.Output(b, r, h)
}
