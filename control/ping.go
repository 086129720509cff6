package control

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// maxPingData is the most that fits a datagram, in bytes.
const maxPingData = 65535 - 20 - icmp.HeaderLen

// pings is one run of ping inside the stack.
type pings struct {
	v      *Server
	q      *PingRequest
	pinger icmp.Pinger
	events chan PingEvent // replies and errors; those of a client that is too slow are lost
	sent   map[uint16]clock.Time
	got    map[uint16]bool

	longest time.Duration // round trip
}

// ping sends echo requests and tells what comes back.
func (v *Server) ping(r *http.Request, q *PingRequest, answer func(any) error) error {
	if err := checkPing(q); err != nil {
		return err
	}
	p := &pings{v: v, q: q, events: make(chan PingEvent, 256), sent: map[uint16]clock.Time{}, got: map[uint16]bool{}}
	p.pinger = icmp.Pinger{Deliver: p.deliver, Error: p.failed}
	if err := v.stack.ICMP().AddPinger(&p.pinger); err != nil {
		return fmt.Errorf("no identifier is free for ping: %w", err)
	}
	defer v.stack.ICMP().RemovePinger(&p.pinger)
	return p.run(r, answer)
}

func checkPing(q *PingRequest) error {
	switch {
	case !q.Dst.Is4():
		return fmt.Errorf("%v is not an IPv4 address: %w", q.Dst, syscall.EINVAL)
	case q.Size < 0 || q.Size > maxPingData:
		return fmt.Errorf("packet size %d is not between 0 and %d: %w", q.Size, maxPingData, syscall.EINVAL)
	case q.TTL < 0 || q.TTL > 255 || q.TOS < 0 || q.TOS > 255:
		return fmt.Errorf("TTL and TOS go from 0 to 255: %w", syscall.EINVAL)
	}
	q.Interval = max(q.Interval, time.Millisecond)
	return nil
}

// run sends at each interval until all is sent, and waits for what is missing.
func (p *pings) run(r *http.Request, answer func(any) error) error {
	next := time.NewTimer(0)
	defer next.Stop()
	seq := 0
	for seq == 0 || !p.complete(seq) {
		select {
		case <-r.Context().Done():
			return nil
		case e := <-p.events:
			if err := p.tell(&e, answer); err != nil {
				return err
			}
		case <-next.C:
			if p.q.Count > 0 && seq == p.q.Count {
				return nil // the last replies did not come in time
			}
			seq++
			if err := answer(p.send(seq)); err != nil {
				return err
			}
			next.Reset(p.wait(seq))
		}
	}
	return nil
}

// wait is until the next request; after the last one, until the run is given
// up: as ping does, twice the longest round trip where there was one.
func (p *pings) wait(seq int) time.Duration {
	switch {
	case seq != p.q.Count:
		return p.q.Interval
	case p.q.Timeout > 0:
		return p.q.Timeout
	case p.longest > 0:
		return max(2*p.longest, p.q.Interval)
	}
	return 10 * time.Second
}

// complete reports whether every request of the run was answered.
func (p *pings) complete(seq int) bool { return p.q.Count > 0 && seq == p.q.Count && len(p.got) == seq }

// send sends one request.
func (p *pings) send(seq int) *PingEvent {
	e := &PingEvent{Kind: "sent", Seq: seq, Bytes: p.q.Size + icmp.HeaderLen}
	route, err := p.v.stack.IP().Route(&inet.Flow{Dst: p.q.Dst, Src: p.q.Src, TOS: uint8(p.q.TOS)})
	if err == nil {
		e.From = route.Src
		p.sent[uint16(seq)] = p.v.stack.Clock().Now()
		err = p.v.stack.ICMP().SendEcho(&p.pinger, route, p.message(seq), &inet.Header{TTL: uint8(p.q.TTL), TOS: uint8(p.q.TOS), DF: p.q.DF})
		p.v.stack.Flush()
	}
	if err != nil {
		e.Kind, e.Error = "failed", errnoText(err)
	}
	return e
}

// errnoText is what perror would say.
func errnoText(err error) string {
	var e syscall.Errno
	if errors.As(err, &e) {
		return e.Error()
	}
	return err.Error()
}

// message is an echo request with the pattern that ping sends.
func (p *pings) message(seq int) []byte {
	m := make([]byte, icmp.HeaderLen+p.q.Size)
	m[0] = icmp.TypeEcho
	binary.BigEndian.PutUint16(m[6:], uint16(seq))
	for i := range m[icmp.HeaderLen:] {
		m[icmp.HeaderLen+i] = byte(i)
	}
	return m
}

// deliver takes a reply over. It runs in the receive goroutine.
func (p *pings) deliver(b *skb.Buffer) skb.Reason {
	var h [icmp.HeaderLen]byte
	b.CopyOut(0, h[:])
	e := PingEvent{Kind: "reply", Seq: int(binary.BigEndian.Uint16(h[6:])), From: b.Net.Src, Bytes: b.Len(), TTL: int(b.Net.TTL)}
	e.RTT = time.Duration(p.v.stack.Clock().Now())
	select {
	case p.events <- e:
	default:
		return b.Drop(skb.SocketRcvBuff)
	}
	b.Consume()
	return skb.NotDropped
}

// failed notes an ICMP error about a request, whose first bytes b holds.
func (p *pings) failed(b *skb.Buffer, f *inet.Error) {
	var h [icmp.HeaderLen]byte
	b.CopyOut(0, h[:])
	e := PingEvent{Kind: "error", Seq: int(binary.BigEndian.Uint16(h[6:])), From: f.From, Type: int(f.Type), Code: int(f.Code)}
	if f.Kind == inet.NeedFrag {
		e.MTU = int(f.Info)
	}
	select {
	case p.events <- e:
	default:
	}
}

// tell completes a reply with what the run knows, and passes it on.
func (p *pings) tell(e *PingEvent, answer func(any) error) error {
	seq := uint16(e.Seq)
	at, ours := p.sent[seq]
	if !ours {
		return nil
	}
	if e.Kind == "reply" {
		e.RTT = clock.Time(e.RTT).Sub(at)
		e.Dup = p.got[seq]
		p.longest = max(p.longest, e.RTT)
	}
	p.got[seq] = true
	return answer(e)
}
