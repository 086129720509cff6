package work

import (
	"net"

	"golang.org/x/net/ipv4"
)

// The kernel's side of the datagrams, where it is the peer. It moves many a
// system call (recvmmsg(2), sendmmsg(2)), so that it is the subject whose speed
// is seen.

const atATime = 64

func messages(size int) []ipv4.Message {
	ms := make([]ipv4.Message, atATime)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, size)}
	}
	return ms
}

// collectMany is collect for the peer.
func collectMany(e *Env) error {
	c, err := e.collector()
	if err != nil {
		return err
	}
	if _, kernel := c.(*net.UDPConn); kernel {
		go e.readMany(ipv4.NewPacketConn(c))
	} else { // both ends of a pipe are the subject's
		go e.readEach(c)
	}
	return nil
}

func (e *Env) readMany(c *ipv4.PacketConn) {
	ms := messages(2048)
	for {
		n, err := c.ReadBatch(ms, 0)
		if err != nil {
			return
		}
		for _, m := range ms[:n] {
			e.Stats.Bytes.Add(uint64(m.N))
		}
		e.Stats.Ops.Add(uint64(n))
	}
}

// showerMany is shower for the peer.
func showerMany(e *Env) error {
	c, err := e.sender()
	if err != nil {
		return err
	}
	if u, kernel := c.(*net.UDPConn); kernel {
		go writeMany(ipv4.NewPacketConn(u))
	} else {
		go writeEach(c)
	}
	return nil
}

func writeMany(c *ipv4.PacketConn) {
	ms := messages(datagramSize)
	for {
		_, _ = c.WriteBatch(ms, 0)
	}
}
