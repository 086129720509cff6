// A program that embeds a stack and does as little with it as can be: it joins
// two by a pipe and sends a line over TCP.
package main

import (
	"io"
	"net/netip"
	"os"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
)

func stack(d netdev.Driver, addr string) *ministack.Stack {
	s, err := ministack.New(ministack.Config{})
	if err != nil {
		panic(err)
	}
	if _, err := s.Attach(d, "eth0"); err != nil {
		panic(err)
	}
	if err := s.AddAddr("eth0", netip.MustParsePrefix(addr)); err != nil {
		panic(err)
	}
	return s
}

func main() {
	x, y := netdev.Pipe(1500)
	a, b := stack(x, "10.0.0.1/24"), stack(y, "10.0.0.2/24")
	l, err := b.Listen("tcp", ":80")
	if err != nil {
		panic(err)
	}
	go func() {
		if c, err := l.Accept(); err == nil {
			io.WriteString(c, "hello\n")
			c.Close()
		}
	}()
	c, err := a.Dial("tcp", "10.0.0.2:80")
	if err != nil {
		panic(err)
	}
	io.Copy(os.Stdout, c)
}
