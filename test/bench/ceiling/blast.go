package ceiling

import (
	"errors"
	"time"

	"github.com/slankdev/ministack/test/bench/work"
)

// blaster sends data on connections that it opened: as much as the peer's
// window and the cap allow, again from the last acknowledged byte when nothing
// moves. All data is zero, so its sum is too.
type blaster struct {
	d     *device
	mss   int
	size  int    // payload of a frame
	cap   uint32 // bytes in flight of a connection
	flows []*blast
	zero  []byte
}

type blast struct {
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

func (d *device) blast(e *work.Env) work.Part {
	b := &blaster{d: d, mss: d.link.MTU - ipLen - tcpLen, zero: make([]byte, 1<<16)}
	b.size, b.cap = b.mss, uint32(256*b.mss)
	if d.link.Offload {
		b.size = (65535 - ipLen - tcpLen) / b.mss * b.mss
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
	for try := 0; b.d.hasEther() && (b.d.peer == [6]byte{} || b.d.peer[0] == 0xff); try++ {
		if try == 100 {
			return errors.New("the peer does not answer ARP")
		}
		b.d.askARP()
		_ = b.d.sleep(1, 20)
		if err := b.d.receive(false, func(packet) {}); err != nil {
			return err
		}
	}
	for i := range n {
		f := &blast{port: uint16(firstOwn + i)}
		b.flows = append(b.flows, f)
		if err := b.open(f); err != nil {
			return err
		}
	}
	return nil
}

func (b *blaster) open(f *blast) error {
	for deadline := time.Now().Add(5 * time.Second); !f.connected; {
		b.d.sendSmall(segment{src: f.port, dst: sinkPort, seq: f.una, flags: syn, window: 65535,
			options: []byte{2, 4, byte(b.mss >> 8), byte(b.mss), 3, 3, wscale, 1}}, nil)
		b.d.flush()
		_ = b.d.sleep(1, 200)
		if err := b.d.receive(false, b.packet); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errors.New("the peer does not accept")
		}
	}
	b.d.sendSmall(b.segment(f, ack), nil)
	b.d.flush()
	return nil
}

func (b *blaster) segment(f *blast, flags byte) segment {
	return segment{src: f.port, dst: sinkPort, seq: f.nxt, ack: f.rcv, flags: flags, window: 512}
}

func (b *blaster) packet(p packet) {
	if p.proto != protoTCP {
		return
	}
	_, port := p.ports()
	if i := int(port) - firstOwn; i >= 0 && i < len(b.flows) {
		b.flows[i].acked(p)
	}
}

func (f *blast) acked(p packet) {
	if p.flags()&syn != 0 {
		f.una, f.nxt, f.rcv, f.connected = p.ackNumber(), p.ackNumber(), p.seq()+1, true
		f.shift = scaleOf(p.l4)
		f.edge = f.una + uint32(p.window())
		return
	}
	switch n := p.ackNumber(); {
	case int32(n-f.una) > 0:
		f.una, f.dups = n, 0
	case n == f.una && len(p.payload) == 0:
		f.dups++
	}
	if edge := p.ackNumber() + uint32(p.window())<<f.shift; int32(edge-f.edge) > 0 {
		f.edge = edge
	}
	if int32(f.una-f.nxt) > 0 {
		f.nxt = f.una // what was sent twice has arrived the first time
	}
}

// scaleOf finds the window scale among a SYN's options (RFC 7323 2.2).
func scaleOf(l4 []byte) byte {
	options := l4[tcpLen : int(l4[12]>>4)*4]
	for len(options) > 1 {
		switch kind := options[0]; {
		case kind == 1:
			options = options[1:]
			continue
		case kind == 0 || options[1] < 2 || int(options[1]) > len(options):
			return 0
		case kind == 3:
			return options[2]
		}
		options = options[options[1]:]
	}
	return 0
}

// loop sends what may be sent and reads acknowledgements in between.
func (b *blaster) loop() {
	for {
		sent := 0
		for _, f := range b.flows {
			sent += b.fill(f)
		}
		b.d.flush()
		if err := b.d.receive(false, b.packet); err != nil {
			return
		}
		if sent == 0 {
			b.wait()
		}
	}
}

// fill sends up to a quarter of the cap.
func (b *blaster) fill(f *blast) (sent int) {
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
	_ = b.d.sleep(1, 20)
	if b.d.receive(false, b.packet) != nil || b.progress() != before {
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
func (b *blaster) data(f *blast) {
	h := b.d.next(typeIPv4)
	n := b.segment(f, ack).put(h[ipLen:])
	putIP(h, protoTCP, n+b.size)
	th := h[ipLen : ipLen+n]
	if b.d.link.Offload {
		b.d.describe(n, 16, b.mss, b.size)
		be.PutUint16(th[16:], fold(pseudo(protoTCP, n+b.size)))
	} else {
		be.PutUint16(th[16:], ^fold(sum(th, pseudo(protoTCP, n+b.size))))
	}
	b.d.queue(ipLen+n, b.zero[:b.size])
}
