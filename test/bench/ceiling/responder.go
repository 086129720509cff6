package ceiling

import (
	"github.com/slankdev/ministack/test/bench/work"
)

// responder is the passive side of any number of connections: it knows of each
// only what the next segment needs to be answered, which is in that segment.
// Data is counted and acknowledged once a batch, or sent back.
type responder struct {
	d    *device
	e    *work.Env
	echo bool

	flows map[uint16]*flow // by the peer's port
	owed  []*flow          // that are to be acknowledged after the batch
}

type flow struct {
	src, dst uint16 // the peer's port, ours
	nxt      uint32 // of the peer
	seq      uint32 // of ours
	owed     bool
}

// wscale is our window's shift, and window what is in the header: 1 MB where
// super-segments come, else what the device's queue of 1000 frames holds.
const wscale = 7

func (r *responder) window() uint16 {
	if r.d.link.Offload {
		return 1 << 20 >> wscale
	}
	return uint16(400 * (r.d.link.MTU - ipLen - tcpLen) >> wscale)
}

func respond(kind responder) func(*device, *work.Env) work.Part {
	return func(d *device, e *work.Env) work.Part {
		r := &responder{d: d, e: e, echo: kind.echo, flows: map[uint16]*flow{}}
		return work.Part{Listen: func(*work.Env) error {
			go r.loop()
			return nil
		}}
	}
}

func (r *responder) loop() {
	for r.d.receive(true, r.packet) == nil {
		for _, f := range r.owed {
			if f.owed {
				r.reply(f, ack, nil)
			}
		}
		r.owed = r.owed[:0]
		r.d.flush()
	}
}

func (r *responder) packet(p packet) {
	if p.proto != protoTCP {
		return
	}
	src, dst := p.ports()
	f := r.flows[src]
	switch {
	case p.flags()&syn != 0:
		f = &flow{src: src, dst: dst, nxt: p.seq() + 1}
		r.flows[src] = f
		r.accept(f)
	case f == nil:
	case p.flags()&rst != 0:
		delete(r.flows, src)
	default:
		r.segment(f, p)
	}
}

// accept answers a SYN. The sequence number begins at 0.
func (r *responder) accept(f *flow) {
	mss := r.d.link.MTU - ipLen - tcpLen
	r.sendSegment(segment{src: f.dst, dst: f.src, ack: f.nxt, flags: syn | ack, window: 65535,
		options: []byte{2, 4, byte(mss >> 8), byte(mss), 3, 3, wscale, 1}}, nil)
	f.seq = 1
}

func (r *responder) segment(f *flow, p packet) {
	n := uint32(len(p.payload))
	if p.seq() != f.nxt {
		if n > 0 {
			r.reply(f, ack, nil) // a duplicate, for what was lost before
		}
		return
	}
	f.nxt += n
	r.e.Stats.Bytes.Add(uint64(n))
	switch {
	case p.flags()&fin != 0:
		f.nxt++
		r.reply(f, fin|ack, nil)
		delete(r.flows, f.src)
	case n > 0 && r.echo:
		r.reply(f, psh|ack, p.payload)
		f.seq += n
	case n > 0 && !f.owed:
		f.owed = true
		r.owed = append(r.owed, f)
	}
}

func (r *responder) reply(f *flow, flags byte, payload []byte) {
	f.owed = false
	r.sendSegment(segment{src: f.dst, dst: f.src, seq: f.seq, ack: f.nxt, flags: flags, window: r.window()}, payload)
}

// sendSegment sends a small segment with its payload behind the header, where
// a checksum is computed in software.
func (r *responder) sendSegment(s segment, payload []byte) { r.d.sendSmall(s, payload) }

func (d *device) sendSmall(s segment, payload []byte) {
	h := d.next(typeIPv4)
	n := s.put(h[ipLen:])
	n += copy(h[ipLen+n:], payload)
	putIP(h, protoTCP, n)
	be.PutUint16(h[ipLen+16:], ^fold(sum(h[ipLen:ipLen+n], pseudo(protoTCP, n))))
	d.queue(ipLen+n, nil)
}
