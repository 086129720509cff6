package iperf3

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
)

const (
	cookieLen  = 37
	maxParams  = 8 << 10 // bytes of JSON
	maxResults = 1 << 20
)

// cookie names a client: 36 characters and a zero.
type cookie [cookieLen]byte

var errCookie = errors.New("it is no cookie of an iperf3 client")

// control is a control connection.
type control struct {
	conn  *ministack.Conn
	clock clock.Clock
	byte  [1]byte
}

// readCookie waits for the first bytes of a connection.
func (c *control) readCookie(patience time.Duration) (cookie, error) {
	var ck cookie
	c.until(c.clock.Now().Add(patience))
	if _, err := io.ReadFull(c.conn, ck[:]); err != nil {
		return ck, err
	}
	if ck[cookieLen-1] != 0 {
		return ck, errCookie
	}
	return ck, nil
}

// until bounds reads and writes from now on.
func (c *control) until(at clock.Time) {
	_ = c.conn.Socket().SetReadDeadline(at)
	_ = c.conn.Socket().SetWriteDeadline(at)
}

func (c *control) send(s state) error {
	_, err := c.conn.Write([]byte{byte(s)})
	return err
}

// refuse says that a test has failed, and why.
func (c *control) refuse(r reason, errno uint32) error {
	s := serverError
	p := binary.BigEndian.AppendUint32([]byte{byte(s)}, uint32(r))
	_, err := c.conn.Write(binary.BigEndian.AppendUint32(p, errno))
	return err
}

func (c *control) receive() (state, error) {
	if _, err := io.ReadFull(c.conn, c.byte[:]); err != nil {
		return 0, err
	}
	return state(c.byte[0]), nil
}

// expect waits for a state.
func (c *control) expect(want state) error {
	got, err := c.receive()
	if err == nil && got != want {
		err = fmt.Errorf("the client says %d in place of %d", got, want)
	}
	return err
}

func (c *control) sendJSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = c.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// receiveJSON reads a message of at most limit bytes.
func (c *control) receiveJSON(v any, limit uint32) error {
	var head [4]byte
	if _, err := io.ReadFull(c.conn, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > limit {
		return fmt.Errorf("a message of %d bytes", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(c.conn, text); err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}
