package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Session is a socket of the stack in the hands of a client.
type Session struct {
	f    *framed
	in   chan incoming
	sent chan Sent
	once sync.Once
	gone chan struct{}
}

// incoming is a message, or an error that the socket learnt of.
type incoming struct {
	m   *Message
	err error
}

// Socket opens a socket of any family. Errors: those of socket(2), bind(2) and
// setsockopt(2).
func (c *Client) Socket(ctx context.Context, q SocketRequest) (*Session, error) {
	f, err := c.upgrade(ctx, "/socket", q)
	if err != nil {
		return nil, err
	}
	s := &Session{f: f, in: make(chan incoming, 64), sent: make(chan Sent, 1), gone: make(chan struct{})}
	if kind, _, err := f.read(make([]byte, maxFrame)); err != nil || kind != frameOpened {
		f.c.Close()
		return nil, fmt.Errorf("the stack went away: %w", err)
	}
	go s.listen()
	return s, nil
}

// listen sorts what the stack says.
func (s *Session) listen() {
	defer close(s.in)
	defer close(s.sent)
	for {
		buf := make([]byte, maxFrame)
		kind, p, err := s.f.read(buf)
		if err != nil {
			return
		}
		switch kind {
		case frameSent:
			var d Sent
			if json.Unmarshal(p, &d) != nil {
				return
			}
			s.sent <- d // Send waits for it
			continue
		case frameMessage:
			m, err := decodeMessage(p)
			s.pass(incoming{m, err})
		case frameError:
			s.pass(incoming{nil, decodeError(p)})
		}
	}
}

func (s *Session) pass(i incoming) {
	select {
	case s.in <- i:
	case <-s.gone:
	}
}

// Send sends a message and returns what the call in the stack did. One caller
// at a time.
func (s *Session) Send(m *Message) (int, error) {
	if err := s.f.writeMessage(m); err != nil {
		return 0, err
	}
	d, ok := <-s.sent
	switch {
	case !ok:
		return 0, io.ErrUnexpectedEOF
	case d.Err != nil:
		return 0, d.Err
	}
	return d.N, nil
}

// Recv waits for a message; io.EOF is the end of the stack or of the session.
func (s *Session) Recv() (*Message, error) {
	i, ok := <-s.in
	if !ok {
		return nil, io.EOF
	}
	return i.m, i.err
}

// Close closes the socket, and ends Recv.
func (s *Session) Close() error {
	s.once.Do(func() { close(s.gone) })
	return s.f.c.Close()
}
