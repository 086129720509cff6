package ministack_test

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
)

// exampleLink returns two stacks, 10.0.0.1 and 10.0.0.2, that are joined in memory. On
// a virtual clock they run in the goroutine that waits.
func exampleLink() (a, b *ministack.Stack) {
	clk := clock.NewVirtual()
	near, far := netdev.Pipe(1500)
	ends := [2]*ministack.Stack{}
	for i, d := range []netdev.Driver{near, far} {
		s, err := ministack.New(ministack.Config{Clock: clk, Rand: ministack.SeededRand(uint64(i + 1))})
		if err != nil {
			panic(err)
		}
		if _, err := s.Attach(d, "eth0"); err != nil {
			panic(err)
		}
		if err := s.AddAddr("eth0", netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24)); err != nil {
			panic(err)
		}
		ends[i] = s
	}
	return ends[0], ends[1]
}

// Two stacks on one link in memory: one listens, the other dials.
func Example() {
	near, far := netdev.Pipe(1500)
	server, _ := ministack.New(ministack.Config{})
	defer server.Close()
	server.Attach(near, "eth0")
	server.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24"))
	client, _ := ministack.New(ministack.Config{})
	defer client.Close()
	client.Attach(far, "eth0")
	client.AddAddr("eth0", netip.MustParsePrefix("10.0.0.2/24"))

	l, err := server.Listen("tcp", ":80")
	if err != nil {
		panic(err)
	}
	go func() {
		c, err := l.Accept()
		if err == nil {
			fmt.Fprint(c, "hello")
			c.Close()
		}
	}()
	c, err := client.Dial("tcp", "10.0.0.1:80")
	if err != nil {
		panic(err)
	}
	defer c.Close()
	text, _ := io.ReadAll(c)
	fmt.Printf("%v says %s\n", c.RemoteAddr(), text)
	// Output: 10.0.0.1:80 says hello
}

// Errors are those of package net, and unwrap to the errno.
func ExampleStack_Dial() {
	a, _ := exampleLink()
	_, err := a.Dial("tcp", "10.0.0.2:81")
	fmt.Println(err)
	// Output: dial tcp 10.0.0.2:81: connect: connection refused
}

func ExampleStack_ListenPacket() {
	a, b := exampleLink()
	p, err := b.ListenPacket("udp", ":53")
	if err != nil {
		panic(err)
	}
	c, err := a.Dial("udp", "10.0.0.2:53")
	if err != nil {
		panic(err)
	}
	fmt.Fprint(c, "a question")
	buf := make([]byte, 64)
	n, from, err := p.ReadFrom(buf)
	fmt.Printf("%q from %v, %v\n", buf[:n], from.(interface{ AddrPort() netip.AddrPort }).AddrPort().Addr(), err)
	// Output: "a question" from 10.0.0.1, <nil>
}

// The BSD calls, with Linux's numbers.
func ExampleStack_Socket() {
	a, b := exampleLink()
	k, err := b.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println(k.Bind(netip.MustParseAddrPort("0.0.0.0:9")))
	to := netip.MustParseAddrPort("10.0.0.2:9")
	s, err := a.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println(s.SendTo([]byte("three"), 0, to))
	buf := make([]byte, 2)
	fmt.Println(k.Recv(buf, socket.MSG_PEEK|socket.MSG_TRUNC))
	fmt.Println(k.Recv(buf, 0))
	fmt.Println(k.Recv(buf, socket.MSG_DONTWAIT))
	// Output:
	// <nil>
	// 5 <nil>
	// 5 <nil>
	// 2 <nil>
	// 0 resource temporarily unavailable
}

// A ping socket is written echo requests and read the replies.
func ExampleStack_ListenPing() {
	a, _ := exampleLink()
	p, err := a.ListenPing(netip.Addr{})
	if err != nil {
		panic(err)
	}
	_, err = p.WriteToAddr([]byte{8, 0, 0, 0, 0, 0, 0, 1, 'h', 'i'}, netip.MustParseAddr("10.0.0.2"))
	if err != nil {
		panic(err)
	}
	buf := make([]byte, 64)
	n, from, err := p.ReadFromAddr(buf)
	fmt.Printf("type %d, %q from %v, %v\n", buf[0], buf[8:n], from, err)
	// Output: type 0, "hi" from 10.0.0.2, <nil>
}

// On a virtual clock nothing takes time: here a dial gives up on a host that is
// not there, as it does after three seconds of ARP.
func ExampleConfig_virtualClock() {
	clk := clock.NewVirtual()
	s, err := ministack.New(ministack.Config{Clock: clk, Rand: ministack.SeededRand(1)})
	if err != nil {
		panic(err)
	}
	near, _ := netdev.Pipe(1500)
	s.Attach(near, "eth0")
	s.AddAddr("eth0", netip.MustParsePrefix("10.0.0.1/24"))
	began := clk.Now()
	_, err = s.Dial("tcp", "10.0.0.9:80")
	fmt.Println(err, "after", clk.Now().Sub(began).Round(time.Second))
	// Output: dial tcp 10.0.0.9:80: connect: no route to host after 3s
}
