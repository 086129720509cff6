package work

import (
	"io"
	"time"
)

const requestPort = 5008

func requests() []Work {
	return []Work{
		{Name: "crc-client", About: "connect, 64 bytes there, 64 back, close; one at a time, the subject connects", Unit: PerSec, Counted: Subject, Streams: 1,
			OnSubject: Part{Run: connectRequestClose}, OnPeer: Part{Listen: answer}},
		{Name: "crc-server", About: "the same, the peer connects", Unit: PerSec, Counted: Peer, Streams: 1,
			OnSubject: Part{Listen: answer}, OnPeer: Part{Run: connectRequestClose}},
	}
}

const requestSize = 64

// answer takes one request a connection, and closes it after the client did.
func answer(e *Env) error {
	return e.accept(requestPort, func(c io.ReadWriteCloser) {
		defer c.Close()
		b := make([]byte, requestSize)
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		if _, err := c.Write(b); err != nil {
			return
		}
		_, _ = c.Read(b) // the client's end
	})
}

func connectRequestClose(e *Env) error {
	if err := oneRequest(e); err != nil {
		return err
	}
	for range e.Streams {
		go func() {
			for oneRequest(e) == nil {
			}
		}()
	}
	return nil
}

func oneRequest(e *Env) error {
	begin := time.Now()
	c, err := e.Net.Dial("tcp", e.other(requestPort))
	if err != nil {
		return err
	}
	defer c.Close()
	b := make([]byte, requestSize)
	if _, err := c.Write(b); err != nil {
		return err
	}
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	e.Stats.Took(time.Since(begin))
	return nil
}
