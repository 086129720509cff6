package work

import (
	"net"

	"golang.org/x/net/ipv4"
)

// The peer's side of the datagrams. It moves many a system call (recvmmsg(2),
// sendmmsg(2)), so that it is the subject whose speed is seen.

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
	many := ipv4.NewPacketConn(c)
	go func() {
		ms := messages(2048)
		for {
			n, err := many.ReadBatch(ms, 0)
			if err != nil {
				return
			}
			for _, m := range ms[:n] {
				e.Stats.Bytes.Add(uint64(m.N))
			}
			e.Stats.Ops.Add(uint64(n))
		}
	}()
	return nil
}

// showerMany is shower for the peer.
func showerMany(e *Env) error {
	c, err := e.sender()
	if err != nil {
		return err
	}
	many := ipv4.NewPacketConn(c.(net.PacketConn))
	go func() {
		ms := messages(datagramSize)
		for {
			_, _ = many.WriteBatch(ms, 0)
		}
	}()
	return nil
}
