package iperf3

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/slankdev/ministack/socket"
)

// open has the client open its streams. The wait for them is a read of the
// control connection, so that a client that goes away is noticed; when the last
// stream is there, or cannot be, wake ends it.
func (t *test) open() error {
	if t.p.UDP {
		return t.openUDP()
	}
	return t.openTCP()
}

// await waits for the streams.
func (t *test) await() error {
	s, err := t.ctl.receive()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		return fail(reasonControl, fmt.Errorf("the client says %d in place of its streams", s))
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case t.openErr != nil:
		return t.openErr
	case !t.opened:
		return fail(reasonAccept, fmt.Errorf("%d streams of %d: %w", len(t.accepted), t.p.streams(), err))
	}
	return nil
}

// openTCP takes connections to our listener, which has the client's segment size
// meanwhile: it is said in the handshake.
func (t *test) openTCP() error {
	l := t.srv.listener.Socket()
	if err := l.Setsockopt(socket.SOL_TCP, socket.TCP_MAXSEG, t.p.MSS); err != nil {
		return fail(reasonMSS, err)
	}
	defer func() { _ = l.Setsockopt(socket.SOL_TCP, socket.TCP_MAXSEG, 0) }() // 0 is always allowed
	t.srv.gather(t)
	defer t.srv.gather(nil)
	if err := t.ctl.send(createStreams); err != nil {
		return err
	}
	if err := t.await(); err != nil {
		return err
	}
	for i, a := range t.inOrder() {
		k := a.conn.Socket()
		if err := setup(k, &t.p); err != nil {
			return err
		}
		t.streams = append(t.streams, &stream{id: streamID(i), sends: t.p.sends(i), sock: k})
	}
	return nil
}

// openUDP answers the client's first datagram of each stream from a socket of
// its own, which that datagram's sender is the peer of.
func (t *test) openUDP() error {
	s, err := t.bind(0)
	if err != nil {
		return err
	}
	t.opening.Go(func() { t.welcome(s) })
	if err := t.ctl.send(createStreams); err != nil {
		return err
	}
	return t.await()
}

// welcome opens streams from the first on, one after another.
func (t *test) welcome(s *stream) {
	for i := 1; s != nil; i++ {
		next, err := t.greet(s, i)
		if err != nil {
			t.settle(err)
			return
		}
		s = next
	}
	t.settle(nil)
}

// settle says that the streams are there, or why not.
func (t *test) settle(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.opened, t.openErr = err == nil, err
	t.wake()
}

// greet waits for the client's first datagram to s and answers when the socket
// for the next one, which it returns, is ready; nil if s was the last.
func (t *test) greet(s *stream, opened int) (*stream, error) {
	peer, answer, err := t.hello(s.sock)
	if err == nil {
		err = s.sock.Connect(peer)
	}
	if err != nil {
		return nil, fail(reasonAccept, err)
	}
	var next *stream
	if opened < t.p.streams() {
		if next, err = t.bind(opened); err != nil {
			return nil, err
		}
	}
	if _, err := s.sock.Send(answer, 0); err != nil {
		return nil, fail(reasonAccept, err)
	}
	return next, nil
}

// hello waits for a first datagram of the client; others are not for us.
func (t *test) hello(k *socket.Socket) (from netip.AddrPort, answer []byte, err error) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := k.RecvFrom(buf, 0)
		if err != nil {
			return from, nil, err
		}
		if answer := answerTo(buf[:n]); answer != nil && from.Addr() == t.peer() {
			return from, answer, nil
		}
	}
}

// bind makes the socket of stream number i at our port, beside those that have
// a peer already.
func (t *test) bind(i int) (*stream, error) {
	k, err := t.srv.stack.Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP)
	if err != nil {
		return nil, fail(reasonListen, err)
	}
	s := &stream{id: streamID(i), sends: t.p.sends(i), sock: k}
	if !t.add(s) {
		k.Close()
		return nil, fail(reasonNoReason, os.ErrClosed)
	}
	if err := setup(k, &t.p); err != nil {
		return nil, err
	}
	if err := k.Setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); err != nil {
		return nil, fail(reasonListen, err)
	}
	return s, fail(reasonListen, k.Bind(t.local()))
}

// add enters a stream, unless the test has ended.
func (t *test) add(s *stream) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.streams = append(t.streams, s)
	}
	return !t.ended
}
