package work

import (
	"errors"
	"fmt"
	"time"

	"github.com/slankdev/ministack/test/bench/frames"
	"github.com/slankdev/ministack/test/bench/link"
)

// The peer of idle connections has no sockets: systems allow a process less
// files than the half million that there may be, and so many sockets would be
// more work for the machine than what they are there to measure. It is another
// station on the kernel's end of the link, which opens each connection, sends
// a byte, gets it back and acknowledges it. Afterwards it only answers.

const (
	idleAddr  = "10.9.0.3"
	idleMAC   = "02:00:00:00:09:03"
	firstPort = 1024
	// atOnce is how many connections are being opened.
	atOnce = 128
	// again is after how long a segment that nobody answered is sent again.
	again = 300 * time.Millisecond
)

// stage is how far a connection is.
type stage uint8

const (
	unused stage = iota
	synSent
	byteSent
	opened
)

// remote is the peer's half of a connection: its sequence number follows from
// its stage.
type remote struct {
	stage stage
	rcv   uint32 // what the subject sends next
}

type opener struct {
	e       *Env
	d       *frames.Device
	conns   []remote
	way     []int // those that are on their way
	started int
	done    int
	failed  error
}

// openIdle opens e.Idle connections and returns when each has had its byte.
func openIdle(e *Env) error {
	d, err := frames.Open(frames.Options{Link: e.Link, Dev: link.HostDev, Own: idleAddr, Other: e.Other, MAC: idleMAC, Beside: true})
	if err != nil {
		return err
	}
	if err := d.Meet(); err != nil {
		return err
	}
	o := &opener{e: e, d: d, conns: make([]remote, e.Idle)}
	began := time.Now()
	if err := o.openAll(); err != nil {
		return fmt.Errorf("after %d of %d connections: %w", o.done, e.Idle, err)
	}
	e.Extra[OpenPerSecond] = float64(e.Idle) / time.Since(began).Seconds()
	go o.answer()
	return nil
}

func (o *opener) openAll() error {
	for progress := time.Now(); o.done < o.e.Idle; {
		before := o.done
		for o.started < o.e.Idle && len(o.way) < atOnce {
			o.conns[o.started].stage = synSent
			o.way = append(o.way, o.started)
			o.send(o.started)
			o.started++
		}
		o.d.Flush()
		if err := o.d.ReceiveFor(again, o.packet); err != nil {
			return err
		}
		o.d.Flush()
		o.forgetOpened()
		switch idle := time.Since(progress); {
		case o.failed != nil:
			return o.failed
		case o.done > before:
			progress = time.Now()
		case idle > 10*time.Second:
			return errors.New("no more is opened for 10 s")
		case idle > again:
			o.sendAgain()
		}
	}
	return nil
}

func (o *opener) forgetOpened() {
	kept := o.way[:0]
	for _, i := range o.way {
		if o.conns[i].stage != opened {
			kept = append(kept, i)
		}
	}
	o.way = kept
}

func (o *opener) sendAgain() {
	for _, i := range o.way {
		o.send(i)
	}
}

// answer keeps the connections: whatever the subject asks, the answer is where
// it stands.
func (o *opener) answer() {
	for o.d.Receive(true, o.packet) == nil {
		o.d.Flush()
	}
}

// send sends what is to be said at a connection's stage.
func (o *opener) send(i int) {
	c := &o.conns[i]
	s := frames.Segment{Src: uint16(firstPort + i%portReach), Dst: uint16(idlePort + i/portReach), Ack: c.rcv, Flags: frames.ACK, Window: 1024}
	switch c.stage {
	case synSent:
		s.Flags, s.Options = frames.SYN, frames.SynOptions(o.e.Link.MTU-frames.IPLen-frames.TCPLen, 7)
		o.d.SendSegment(s, nil)
	case byteSent:
		s.Seq, s.Flags = 1, frames.PSH|frames.ACK
		o.d.SendSegment(s, []byte{1})
	case opened:
		s.Seq = 2
		o.d.SendSegment(s, nil)
	}
}

// packet moves a connection on by what the subject sent.
func (o *opener) packet(p frames.Packet) {
	if p.Proto != frames.TCP || !o.d.Mine(p) {
		return
	}
	src, dst := p.Ports()
	i := int(src-idlePort)*portReach + int(dst) - firstPort
	if i < 0 || i >= len(o.conns) || o.conns[i].stage == unused {
		return
	}
	c := &o.conns[i]
	switch {
	case p.Has(frames.RST):
		o.failed = errors.New("the subject resets a connection")
	case p.Has(frames.SYN):
		c.rcv = p.Seq() + 1
		c.stage = max(c.stage, byteSent)
		o.send(i)
	case c.stage == byteSent && len(p.Payload) == 1 && p.Seq() == c.rcv:
		c.rcv++
		c.stage = opened
		o.done++
		o.send(i)
	case c.stage == opened && p.Seq() != c.rcv: // a probe, or the byte again
		o.send(i)
	}
}
