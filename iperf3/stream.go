package iperf3

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/socket"
)

// A stream is one data connection, with one goroutine while the test runs.
type stream struct {
	id    int
	sends bool
	sock  *socket.Socket

	bytes   atomic.Int64
	packets atomic.Int64 // sent, over UDP

	mu       sync.Mutex
	arrivals arrivals

	omitted counts // what there was when the time to be omitted ended
	shown   counts // when the last interval ended
}

// counts is a stream at one moment.
type counts struct {
	bytes, packets, errors, retransmits int64
	jitter                              float64
	cwnd                                int // bytes
}

func (s *stream) counts() counts {
	c := counts{bytes: s.bytes.Load(), packets: s.packets.Load()}
	if conn := s.sock.Conn(); conn != nil {
		i := conn.Info()
		c.retransmits, c.cwnd = int64(i.RetransTotal), i.Cwnd*i.MSS
		return c
	}
	if s.sends {
		return c
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.packets, c.errors, c.jitter = s.arrivals.packets, s.arrivals.errors, s.arrivals.jitter
	return c
}

// omit ends the time that does not count.
func (s *stream) omit() {
	s.mu.Lock()
	s.arrivals.forget()
	s.mu.Unlock()
	s.omitted = s.counts()
	s.shown = s.omitted
}

// since is what came to c after old; jitter and window are as they are now.
func (c counts) since(old counts) counts {
	c.bytes -= old.bytes
	c.packets -= old.packets
	c.errors -= old.errors
	c.retransmits -= old.retransmits
	return c
}

// plus is the sum of two streams, with the sum of their jitters.
func (c counts) plus(d counts) counts {
	return counts{c.bytes + d.bytes, c.packets + d.packets, c.errors + d.errors, c.retransmits + d.retransmits, c.jitter + d.jitter, c.cwnd + d.cwnd}
}

// result is a stream after seconds of a test that sends over TCP or not.
func (s *stream) result(now counts, seconds float64, tcp bool) streamResult {
	r := streamResult{ID: s.id, Bytes: now.bytes - s.omitted.bytes, Retransmits: -1, Jitter: now.jitter, Errors: now.errors,
		OmittedErrors: s.omitted.errors, Packets: now.packets, OmittedPackets: s.omitted.packets, EndTime: seconds}
	if s.sends && tcp {
		r.Retransmits = now.retransmits - s.omitted.retransmits
	}
	return r
}

// setup gives a data socket what the client asked for. That a congestion control
// is not here does not stop a test: the results name the one that was used.
func setup(k *socket.Socket, p *params) error {
	if p.Window > 0 {
		if err := options(k, option{socket.SOL_SOCKET, socket.SO_RCVBUF, p.Window}, option{socket.SOL_SOCKET, socket.SO_SNDBUF, p.Window}); err != nil {
			return fail(reasonWindow, err)
		}
	}
	if p.TOS != 0 {
		if err := k.Setsockopt(socket.SOL_IP, socket.IP_TOS, p.TOS); err != nil {
			return fail(reasonTOS, err)
		}
	}
	if p.UDP {
		if !p.DontFragment {
			return nil
		}
		return fail(reasonStream, k.Setsockopt(socket.SOL_IP, socket.IP_MTU_DISCOVER, socket.IP_PMTUDISC_DO))
	}
	return fail(reasonStream, setupTCP(k, p))
}

func setupTCP(k *socket.Socket, p *params) error {
	noDelay := 0
	if p.NoDelay {
		noDelay = 1
	}
	if err := k.Setsockopt(socket.SOL_TCP, socket.TCP_NODELAY, noDelay); err != nil {
		return err
	}
	if p.FQRate > 0 {
		if err := k.Setsockopt(socket.SOL_SOCKET, socket.SO_MAX_PACING_RATE, int(p.FQRate/8)); err != nil {
			return err
		}
	}
	if p.Congestion == "" {
		return nil
	}
	if err := k.SetCongestion(p.Congestion); err != nil && err != syscall.ENOENT {
		return err
	}
	return nil
}

type option struct{ level, name, value int }

func options(k *socket.Socket, list ...option) error {
	for _, o := range list {
		if err := k.Setsockopt(o.level, o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}
