// Command forwarder sends all TCP connections of a network through a SOCKS5
// proxy, as tun2socks does: its stack takes packets to any address, and each
// connection attempt is first dialled at the proxy, and only then accepted or
// refused. So a client learns the truth: a port that is closed behind the proxy
// is closed for the client.
//
// On Linux, as root, with a proxy at 127.0.0.1:1080:
//
//	go run ./examples/forwarder -tap ms0 -socks 127.0.0.1:1080 &
//	ip addr add 10.9.0.1/24 dev ms0; ip link set ms0 up
//	ip route add 203.0.113.0/24 via 10.9.0.2
//	curl http://203.0.113.80/
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net"
	"net/netip"
	"os"
	"os/signal"

	"golang.org/x/net/proxy"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/examples/internal/lan"
	"github.com/slankdev/ministack/netdev"
)

func main() {
	tap := flag.String("tap", "ms0", "name of the TAP interface")
	socks := flag.String("socks", "127.0.0.1:1080", "address of the SOCKS5 proxy")
	flag.Parse()
	if err := run(*tap, *socks); err != nil {
		log.Fatal(err)
	}
}

func run(tap, socks string) error {
	d, err := netdev.OpenTAP(tap, netdev.TAPOptions{})
	if err != nil {
		return err
	}
	s, err := lan.Stack(ministack.Config{}, d, netip.MustParseAddr("10.9.0.2"))
	if err != nil {
		return err
	}
	defer s.Close()
	if err := forward(s, socks); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	<-ctx.Done()
	return nil
}

// forward has the stack s send every connection through a SOCKS5 proxy.
func forward(s *ministack.Stack, socks string) error {
	d, err := proxy.SOCKS5("tcp", socks, nil, proxy.Direct)
	if err != nil {
		return err
	}
	upstream := d.(proxy.ContextDialer)
	for _, mode := range []func(string, bool) error{s.SetPromiscuousMode, s.SetSpoofing} {
		if err := mode("eth0", true); err != nil {
			return err
		}
	}
	s.HandleTCP(func(r *ministack.TCPRequest) { handle(r, upstream) })
	return nil
}

// handle decides about one connection attempt. It has a goroutine of its own.
func handle(r *ministack.TCPRequest, upstream proxy.ContextDialer) {
	to := r.LocalAddr().String() // whom the client wants to talk to
	far, err := upstream.DialContext(r.Context(), "tcp", to)
	if err != nil {
		log.Printf("%v > %s: %v", r.RemoteAddr(), to, err)
		_ = r.Reset() // an error: the client has gone, and needs no answer
		return
	}
	defer far.Close()
	near, err := r.Accept()
	if err != nil {
		return // the client has gone
	}
	defer near.Close()
	join(near, far)
}

// join copies both ways until both have ended.
func join(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(a, b)
	}()
	pass(b, a)
	<-done
}

// pass copies one way. The end of the stream is passed on, so that what a
// protocol does with half-closed connections works.
func pass(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close() // there is no way to pass a reset on
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // an error: it has ended already
	}
}
