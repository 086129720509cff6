package iperf3

import (
	"encoding/binary"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
)

// The loops that move data: no allocation a call, and no lock of ours but for
// what datagrams say of themselves.

const (
	readSize  = 256 << 10 // bytes a read takes at most
	batchSize = 256 << 10 // bytes of datagrams that one call moves
	maxBatch  = 64        // datagrams
)

func (t *test) transfer(s *stream) {
	switch {
	case s.sends && t.p.UDP:
		t.sendDatagrams(s)
	case s.sends:
		t.sendStream(s)
	case t.p.UDP:
		t.receiveDatagrams(s)
	default:
		t.receiveStream(s)
	}
}

// receiveStream reads until the end of the test, and then what had arrived.
func (t *test) receiveStream(s *stream) {
	buf := make([]byte, readSize)
	flags := 0
	if t.p.SkipCopy {
		flags = socket.MSG_TRUNC
	}
	for {
		n, err := s.sock.Recv(buf, flags)
		s.bytes.Add(int64(n))
		switch {
		case err != nil && t.stopping() && flags&socket.MSG_DONTWAIT == 0:
			flags |= socket.MSG_DONTWAIT
		case err != nil || n == 0:
			return
		}
	}
}

// sendStream writes blocks at the rate that was asked for, until the test ends
// or as many have been written as were to be.
func (t *test) sendStream(s *stream) {
	block := t.payload
	pace := newPacer(&t.p, t.began)
	for !t.stopping() {
		n, wait := pace.due(t.now())
		if wait > 0 {
			t.sleep(wait)
		}
		for ; n > 0 && !t.stopping(); n-- {
			if !t.claim() || !s.write(block) {
				return
			}
			pace.sent += int64(len(block))
		}
	}
}

// write sends a block, whole unless the test ends or the connection does.
func (s *stream) write(block []byte) bool {
	for len(block) > 0 {
		n, err := s.sock.Send(block, 0)
		s.bytes.Add(int64(n))
		if err != nil {
			return false
		}
		block = block[n:]
	}
	return true
}

// messages are datagrams that one call sends or receives.
func (t *test) messages() []socket.Message {
	size := max(t.p.Len, t.p.header())
	ms := make([]socket.Message, min(max(batchSize/size, 1), maxBatch))
	for i := range ms {
		ms[i].Data = make([]byte, size)
	}
	return ms
}

func (t *test) receiveDatagrams(s *stream) {
	ms := t.messages()
	flags := socket.MSG_WAITFORONE
	for {
		n, err := s.sock.RecvMMsg(ms, flags, 0)
		t.noteAll(s, ms[:n])
		switch {
		case err == nil:
		case t.stopping() && flags&socket.MSG_DONTWAIT == 0:
			flags |= socket.MSG_DONTWAIT
		case t.stopping():
			return
		}
	}
}

// noteAll counts datagrams that arrived.
func (t *test) noteAll(s *stream, ms []socket.Message) {
	now, bytes := t.elapsed(), 0
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range ms {
		data := ms[i].Data[:ms[i].N]
		if sent, number, ok := header(data, bool(t.p.Counters64)); ok {
			s.arrivals.note(number, sent, now)
			bytes += len(data)
		}
	}
	s.bytes.Add(int64(bytes))
}

// sendDatagrams sends until the client has enough, even where it asked for a
// number of bytes: what is lost on the way is made up for.
func (t *test) sendDatagrams(s *stream) {
	ms := t.messages()
	for i := range ms {
		copy(ms[i].Data, t.payload)
	}
	pace := newPacer(&t.p, t.began)
	for !t.stopping() {
		n, wait := pace.due(t.now())
		for n > 0 && wait == 0 && !t.stopping() {
			k := t.sendBatch(s, ms[:min(n, len(ms))])
			n -= k
			pace.sent += int64(k * t.p.Len)
			if k == 0 {
				wait = pace.tick // no room, or nobody there
			}
		}
		if wait > 0 {
			t.sleep(wait)
		}
	}
}

// sendBatch sends the messages with the next numbers and returns how many went.
func (t *test) sendBatch(s *stream, ms []socket.Message) int {
	now, next := t.elapsed(), s.packets.Load()+1
	for i := range ms {
		putHeader(ms[i].Data, bool(t.p.Counters64), now, next+int64(i))
	}
	n, err := s.sock.SendMMsg(ms, 0)
	if err != nil {
		n = 0
	}
	s.packets.Add(int64(n))
	s.bytes.Add(int64(n * t.p.Len))
	return n
}

// claim takes a block of those that are to be sent, and reports whether there
// was one left.
func (t *test) claim() bool {
	switch {
	case t.p.Num > 0:
		return t.left.Add(-int64(t.p.Len))+int64(t.p.Len) > 0
	case t.p.BlockCount > 0:
		return t.left.Add(-1) >= 0
	}
	return true
}

// payload makes a block: digits, or bytes that no compression makes smaller.
func payload(n int, repeating bool, rand netdev.Rand) []byte {
	p := make([]byte, 0, n+8)
	for len(p) < n {
		if repeating {
			p = append(p, '0'+byte(len(p)%10))
		} else {
			p = binary.NativeEndian.AppendUint64(p, rand.Uint64())
		}
	}
	return p[:n]
}
