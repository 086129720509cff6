package control

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
)

// Once a request was upgraded, frames go both ways: a byte for the kind, four
// for the length (big endian), the payload. They keep apart what a stream of
// bytes would mix: datagrams, the end of one direction, an error.

const upgradeName = "ministack-stream"

type frameKind byte

const (
	frameData    frameKind = iota // bytes of a stream, or one datagram
	frameEOF                      // no more in this direction
	frameError                    // an Error: the connection is gone
	frameOpened                   // Opened: a listener's connection, or the one dialled
	frameMessage                  // a Message, of a socket session
	frameSent                     // Sent: what became of the client's message
)

// maxFrame bounds a frame's payload in bytes: a datagram fits, with its link
// header and what a Message says of it.
const (
	maxFrame    = maxDatagram + 1<<10
	maxDatagram = 64<<10 + 64
)

// Opened names the ends of a connection. One that came by a listener has a
// token, by which the client asks for it.
type Opened struct {
	Local string `json:"local"`
	Peer  string `json:"peer,omitempty"` // "" of a listener
	Token string `json:"token,omitempty"`
}

func openedOf(c net.Conn) Opened {
	return Opened{Local: c.LocalAddr().String(), Peer: c.RemoteAddr().String()}
}

// framed writes and reads frames on c. Each direction takes one caller at a
// time, and writes of several are kept apart.
type framed struct {
	c   net.Conn
	r   io.Reader // c, with what was buffered before
	mu  sync.Mutex
	out []byte
}

func (f *framed) write(kind frameKind, p []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.out = append(f.out[:0], byte(kind), 0, 0, 0, 0)
	binary.BigEndian.PutUint32(f.out[1:], uint32(len(p)))
	f.out = append(f.out, p...)
	_, err := f.c.Write(f.out)
	return err
}

func (f *framed) writeJSON(kind frameKind, x any) error {
	p, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return f.write(kind, p)
}

// read returns the next frame, its payload in buf, which holds maxFrame bytes.
func (f *framed) read(buf []byte) (frameKind, []byte, error) {
	var h [5]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(h[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("a frame of %d bytes", n)
	}
	_, err := io.ReadFull(f.r, buf[:n])
	return frameKind(h[0]), buf[:n], err
}
