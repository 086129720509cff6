package ceiling

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/test/bench/frames"
	"github.com/slankdev/ministack/test/bench/work"
)

// blaster sends data on connections that it opened: as much as the peer's
// window and the cap allow, again from the last acknowledged byte when nothing
// moves. All data is zero, so its sum is too.
type blaster struct {
	d     *frames.Device
	mss   int
	size  int    // payload of a frame
	cap   uint32 // bytes in flight of a connection
	flows []*flight
	zero  []byte
}

type flight struct {
	port      uint16
	una, nxt  uint32
	edge      uint32 // how far the peer's window reaches
	shift     byte   // of its window
	rcv       uint32 // what we acknowledge
	connected bool
	dups      int
}

const (
	sinkPort = 5001
	firstOwn = 40000
)

func blast(d *frames.Device, e *work.Env) work.Part {
	b := &blaster{d: d, mss: d.Link.MTU - frames.IPLen - frames.TCPLen, zero: make([]byte, 1<<16)}
	b.size, b.cap = b.mss, uint32(256*b.mss)
	if d.Link.Offload {
		b.size = (65535 - frames.IPLen - frames.TCPLen) / b.mss * b.mss
		b.cap = uint32(32 * b.size)
	}
	b.cap /= uint32(e.Streams)
	b.cap = max(b.cap, uint32(2*b.size))
	return work.Part{Run: func(e *work.Env) error {
		if err := b.connect(e.Streams); err != nil {
			return err
		}
		go b.loop()
		return nil
	}}
}

// connect opens the connections, one after the other.
func (b *blaster) connect(n int) error {
	if err := b.d.Meet(); err != nil {
		return err
	}
	for i := range n {
		f := &flight{port: uint16(firstOwn + i)}
		b.flows = append(b.flows, f)
		if err := b.open(f); err != nil {
			return err
		}
	}
	return nil
}

func (b *blaster) open(f *flight) error {
	for deadline := time.Now().Add(5 * time.Second); !f.connected; {
		b.d.SendSegment(frames.Segment{Src: f.port, Dst: sinkPort, Seq: f.una, Flags: frames.SYN, Window: 65535, Options: frames.SynOptions(b.mss, wscale)}, nil)
		b.d.Flush()
		_ = b.d.Sleep(unix.POLLIN, 200)
		if err := b.d.Receive(false, b.packet); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("the peer does not accept")
		}
	}
	b.d.SendSegment(b.segment(f, frames.ACK), nil)
	b.d.Flush()
	return nil
}

func (b *blaster) segment(f *flight, flags byte) frames.Segment {
	return frames.Segment{Src: f.port, Dst: sinkPort, Seq: f.nxt, Ack: f.rcv, Flags: flags, Window: 512}
}

func (b *blaster) packet(p frames.Packet) {
	if p.Proto != frames.TCP {
		return
	}
	_, port := p.Ports()
	if i := int(port) - firstOwn; i >= 0 && i < len(b.flows) {
		b.flows[i].acked(p)
	}
}

func (f *flight) acked(p frames.Packet) {
	if p.Has(frames.SYN) {
		f.una, f.nxt, f.rcv, f.connected = p.Ack(), p.Ack(), p.Seq()+1, true
		f.shift = p.Scale()
		f.edge = f.una + uint32(p.Window())
		return
	}
	switch n := p.Ack(); {
	case int32(n-f.una) > 0:
		f.una, f.dups = n, 0
	case n == f.una && len(p.Payload) == 0:
		f.dups++
	}
	if edge := p.Ack() + uint32(p.Window())<<f.shift; int32(edge-f.edge) > 0 {
		f.edge = edge
	}
	if int32(f.una-f.nxt) > 0 {
		f.nxt = f.una // what was sent twice has arrived the first time
	}
}

// loop sends what may be sent and reads acknowledgements in between.
func (b *blaster) loop() {
	for {
		sent := 0
		for _, f := range b.flows {
			sent += b.fill(f)
		}
		b.d.Flush()
		if err := b.d.Receive(false, b.packet); err != nil {
			return
		}
		if sent == 0 {
			b.wait()
		}
	}
}

// fill sends up to a quarter of the cap.
func (b *blaster) fill(f *flight) (sent int) {
	for n := uint32(0); n < max(b.cap/4, uint32(b.size)); n += uint32(b.size) {
		next := f.nxt + uint32(b.size)
		if next-f.una > b.cap || int32(next-f.edge) > 0 {
			return sent
		}
		b.data(f)
		f.nxt = next
		sent++
	}
	return sent
}

// wait waits for an acknowledgement. If none comes, all is sent again that was
// not acknowledged.
func (b *blaster) wait() {
	before := b.progress()
	_ = b.d.Sleep(unix.POLLIN, 20)
	if b.d.Receive(false, b.packet) != nil || b.progress() != before {
		return
	}
	for _, f := range b.flows {
		f.nxt = f.una
	}
}

func (b *blaster) progress() (sum uint64) {
	for _, f := range b.flows {
		sum += uint64(f.una) + uint64(f.edge)
	}
	return sum
}

// data queues a frame of data.
func (b *blaster) data(f *flight) { b.d.SendZeros(b.segment(f, frames.ACK), b.zero[:b.size], b.mss) }
