package work

import (
	"io"
	"net"
	"time"
)

const echoPort = 5007

func pingPong() []Work {
	one := Work{Name: "pingpong", About: "one byte there and back over TCP, the peer asks", Unit: PerSec, Counted: Peer, Latency: true, Streams: 1,
		OnSubject: Part{Listen: echo}, OnPeer: Part{Run: ask}}
	many := one
	many.Name, many.Streams, many.Latency = "pingpong-64", 64, false
	many.About = "the same over 64 connections at once"
	ping := Work{Name: "ping", About: "ICMP echo of 64 bytes from the peer", Unit: PerSec, Counted: Peer, Latency: true, Streams: 1,
		OnPeer: Part{Run: pings}, Skip: inPipe("the peer is the kernel's raw socket")}
	return []Work{one, many, ping}
}

// echo returns what comes.
func echo(e *Env) error {
	return e.accept(echoPort, func(c io.ReadWriteCloser) {
		b := make([]byte, 512)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
		}
	})
}

// ask sends a byte and waits for it, again and again.
func ask(e *Env) error {
	for range e.Streams {
		c, err := e.Net.Dial("tcp", e.other(echoPort))
		if err != nil {
			return err
		}
		go askOn(e, c)
	}
	return nil
}

func askOn(e *Env, c net.Conn) {
	b := make([]byte, 1)
	for {
		begin := time.Now()
		if _, err := c.Write(b); err != nil {
			return
		}
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		e.Stats.Took(time.Since(begin))
	}
}
