package icmp

import (
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

// Pinger is who owns an identifier.
type Pinger struct {
	ID uint16
	// Deliver takes over an echo reply; its data begins at the ICMP header.
	Deliver func(b *skb.Buffer) skb.Reason
	// Error is told of errors about a request.
	Error func(b *skb.Buffer, e *inet.Error)
}

type pingTable struct {
	mu   sync.RWMutex
	byID map[uint16]*Pinger
	next uint16
}

func (t *pingTable) init() { t.byID = map[uint16]*Pinger{} }

// AddPinger enters p; an ID of 0 chooses one. Error: EADDRINUSE.
func (m *Module) AddPinger(p *Pinger) error {
	t := &m.pings
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.ID == 0 {
		if len(t.byID) == 65535 {
			return syscall.EADDRINUSE
		}
		for t.next++; t.next == 0 || t.byID[t.next] != nil; t.next++ {
		}
		p.ID = t.next
	}
	if t.byID[p.ID] != nil {
		return syscall.EADDRINUSE
	}
	t.byID[p.ID] = p
	return nil
}

// RemovePinger takes p out.
func (m *Module) RemovePinger(p *Pinger) {
	t := &m.pings
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[p.ID] == p {
		delete(t.byID, p.ID)
	}
}

func (t *pingTable) find(id uint16) *Pinger {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byID[id]
}

func (t *pingTable) deliver(b *skb.Buffer, id uint16) skb.Reason {
	if p := t.find(id); p != nil {
		return p.Deliver(b)
	}
	return b.Drop(skb.NoSocket)
}

func (t *pingTable) fail(b *skb.Buffer, id uint16, e *inet.Error) {
	if p := t.find(id); p != nil {
		p.Error(b, e)
	}
}

// SendEcho sends an echo request: message is the ICMP header and the data, of
// which type, identifier and checksum are set here. Errors: EINVAL for
// anything but an echo request, and those of inet.Network.Output.
func (m *Module) SendEcho(p *Pinger, r *inet.Route, message []byte, h inet.Header) error {
	if len(message) < HeaderLen || message[0] != TypeEcho || message[1] != 0 {
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
	return m.ip.Output(b, r, &h)
}
