package work

import (
	"io"
	"net"
)

const (
	datagramPort = 5009
	datagramSize = 64
)

func datagrams() []Work {
	return []Work{
		{Name: "udp-tx", About: "UDP datagrams of 64 bytes from the subject, those that arrive", Unit: Packets, Counted: Peer, Streams: 1,
			OnPeer: Part{Listen: collectMany}, OnSubject: Part{Run: shower}},
		{Name: "udp-rx", About: "UDP datagrams of 64 bytes from the peer, those that arrive", Unit: Packets, Counted: Subject, Streams: 1,
			OnSubject: Part{Listen: collect}, OnPeer: Part{Run: showerMany}},
	}
}

// buffered is what every stack's UDP sockets have.
type buffered interface{ SetReadBuffer(bytes int) error }

// collect counts datagrams, read without their sender's address.
func collect(e *Env) error {
	c, err := e.collector()
	if err != nil {
		return err
	}
	go e.readEach(c)
	return nil
}

func (e *Env) readEach(c net.PacketConn) {
	b := make([]byte, 2048)
	for {
		n, err := read(c, b)
		if err != nil {
			return
		}
		e.Stats.Bytes.Add(uint64(n))
		e.Stats.Ops.Add(1)
	}
}

// collector opens the port, and meets who comes.
func (e *Env) collector() (net.PacketConn, error) {
	c, err := e.Net.ListenPacket(addrOf(e.Own, datagramPort))
	if err != nil {
		return nil, err
	}
	if b, ok := c.(buffered); ok {
		if err := b.SetReadBuffer(1 << 20); err != nil {
			return nil, err
		}
	}
	return c, e.accept(datagramPort, func(c io.ReadWriteCloser) { c.Close() })
}

func read(c net.PacketConn, b []byte) (int, error) {
	if r, ok := c.(io.Reader); ok {
		return r.Read(b)
	}
	n, _, err := c.ReadFrom(b)
	return n, err
}

// shower sends datagrams without end. That the peer's queue is full is the
// sender's business on no stack, but some say so.
func shower(e *Env) error {
	c, err := e.sender()
	if err != nil {
		return err
	}
	go writeEach(c)
	return nil
}

func writeEach(c net.Conn) {
	b := make([]byte, datagramSize)
	for {
		_, _ = c.Write(b)
	}
}

func (e *Env) sender() (net.Conn, error) {
	if err := e.meet(); err != nil {
		return nil, err
	}
	return e.Net.Dial("udp", e.other(datagramPort))
}

// meet connects by TCP first: datagrams do not wait for the neighbour's
// address, which may take a second where the device has only just come up.
func (e *Env) meet() error {
	c, err := e.Net.Dial("tcp", e.other(datagramPort))
	if err != nil {
		return err
	}
	return c.Close()
}
