// Command udpecho is an echo server over UDP and a client of it. The server is a
// net.PacketConn; the client, which has a peer, is a net.Conn.
//
//	go run ./examples/udpecho
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/examples/internal/lan"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) error {
	client, server, err := lan.New(ministack.Config{})
	if err != nil {
		return err
	}
	defer client.Close()
	defer server.Close()

	p, err := server.ListenPacket("udp", ":7")
	if err != nil {
		return err
	}
	go echo(p) // until its stack is closed

	c, err := client.Dial("udp", lan.Server.String()+":7")
	if err != nil {
		return err
	}
	defer c.Close()
	for _, text := range []string{"one", "two", "three"} {
		if err := ask(out, c, text); err != nil {
			return err
		}
	}
	// Nobody listens at port 9. The ICMP error that says so is the error of
	// the next call, as on Linux.
	c, err = client.Dial("udp", lan.Server.String()+":9")
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintln(out, ask(out, c, "anybody?"))
	return nil
}

// echo sends back what comes.
func echo(p net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		if _, err := p.WriteTo(buf[:n], from); err != nil {
			return
		}
	}
}

// ask sends a text and prints the answer. A datagram may be lost: it waits for
// a second.
func ask(out io.Writer, c net.Conn, text string) error {
	if _, err := c.Write([]byte(text)); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	buf := make([]byte, 1500)
	n, err := c.Read(buf)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s says %q\n", c.RemoteAddr(), buf[:n])
	return nil
}
