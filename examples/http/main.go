// Command http is a web server and a client of it, each on a stack of its own:
// net/http needs nothing but a net.Listener and a DialContext.
//
//	go run ./examples/http
//
// With a TAP interface the server is there for the whole machine (Linux, root):
//
//	go run ./examples/http -tap ms0 &
//	ip addr add 10.9.0.1/24 dev ms0; ip link set ms0 up
//	curl http://10.9.0.2/
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/examples/internal/lan"
	"github.com/slankdev/ministack/netdev"
)

func main() {
	tap := flag.String("tap", "", "serve the kernel over a TAP interface of this name")
	flag.Parse()
	err := error(nil)
	if *tap != "" {
		err = serveKernel(*tap)
	} else {
		err = run(os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// handler greets whoever asks.
func handler(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "Hello, %s. This is %s.\n", r.RemoteAddr, r.Host)
}

// run serves and fetches one page over a link in memory.
func run(out io.Writer) error {
	clientStack, serverStack, err := lan.New(ministack.Config{})
	if err != nil {
		return err
	}
	defer clientStack.Close()
	defer serverStack.Close()

	l, err := serverStack.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(handler)}
	go func() { _ = server.Serve(l) }() // until it is closed
	defer server.Close()

	client := &http.Client{Transport: &http.Transport{DialContext: clientStack.DialContext}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("http://" + lan.Server.String() + "/")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(out, resp.Body)
	return err
}

// serveKernel serves the machine that it runs on.
func serveKernel(tap string) error {
	d, err := netdev.OpenTAP(tap, netdev.TAPOptions{})
	if err != nil {
		return err
	}
	s, err := lan.Stack(ministack.Config{}, d, netip.MustParseAddr("10.9.0.2"))
	if err != nil {
		return err
	}
	defer s.Close()
	return serve(s)
}

func serve(s *ministack.Stack) error {
	l, err := s.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	log.Print("serving http://", net.JoinHostPort("10.9.0.2", "80"))
	return http.Serve(l, http.HandlerFunc(handler))
}
