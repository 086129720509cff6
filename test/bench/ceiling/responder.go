package ceiling

import (
	"github.com/slankdev/ministack/test/bench/frames"
	"github.com/slankdev/ministack/test/bench/work"
)

// responder is the passive side of any number of connections: it knows of each
// only what the next segment needs to be answered, which is in that segment.
// Data is counted and acknowledged once a batch, or sent back.
type responder struct {
	d    *frames.Device
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
	if r.d.Link.Offload {
		return 1 << 20 >> wscale
	}
	return uint16(400 * (r.d.Link.MTU - frames.IPLen - frames.TCPLen) >> wscale)
}

func respond(kind responder) func(*frames.Device, *work.Env) work.Part {
	return func(d *frames.Device, e *work.Env) work.Part {
		r := &responder{d: d, e: e, echo: kind.echo, flows: map[uint16]*flow{}}
		return work.Part{Listen: func(*work.Env) error {
			go r.loop()
			return nil
		}}
	}
}

func (r *responder) loop() {
	for r.d.Receive(true, r.packet) == nil {
		for _, f := range r.owed {
			if f.owed {
				r.reply(f, frames.ACK, nil)
			}
		}
		r.owed = r.owed[:0]
		r.d.Flush()
	}
}

func (r *responder) packet(p frames.Packet) {
	switch p.Proto {
	case frames.ICMP:
		r.d.Pong(p)
		return
	case frames.UDP:
		r.e.Stats.Ops.Add(1)
		r.e.Stats.Bytes.Add(uint64(len(p.Payload)))
		return
	}
	src, dst := p.Ports()
	f := r.flows[src]
	switch {
	case p.Has(frames.SYN):
		f = &flow{src: src, dst: dst, nxt: p.Seq() + 1}
		r.flows[src] = f
		r.accept(f)
	case f == nil:
	case p.Has(frames.RST):
		delete(r.flows, src)
	default:
		r.segment(f, p)
	}
}

// accept answers a SYN. The sequence number begins at 0.
func (r *responder) accept(f *flow) {
	mss := r.d.Link.MTU - frames.IPLen - frames.TCPLen
	r.d.SendSegment(frames.Segment{Src: f.dst, Dst: f.src, Ack: f.nxt, Flags: frames.SYN | frames.ACK, Window: 65535, Options: frames.SynOptions(mss, wscale)}, nil)
	f.seq = 1
}

func (r *responder) segment(f *flow, p frames.Packet) {
	n := uint32(len(p.Payload))
	if p.Seq() != f.nxt {
		if n > 0 {
			r.reply(f, frames.ACK, nil) // a duplicate, for what was lost before
		}
		return
	}
	f.nxt += n
	r.e.Stats.Bytes.Add(uint64(n))
	switch {
	case p.Has(frames.FIN):
		f.nxt++
		r.reply(f, frames.FIN|frames.ACK, nil)
		delete(r.flows, f.src)
	case n > 0 && r.echo:
		r.reply(f, frames.PSH|frames.ACK, p.Payload)
		f.seq += n
	case n > 0 && !f.owed:
		f.owed = true
		r.owed = append(r.owed, f)
	}
}

func (r *responder) reply(f *flow, flags byte, payload []byte) {
	f.owed = false
	r.d.SendSegment(frames.Segment{Src: f.dst, Dst: f.src, Seq: f.seq, Ack: f.nxt, Flags: flags, Window: r.window()}, payload)
}
