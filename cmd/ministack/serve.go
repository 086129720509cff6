package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/iperf3"
)

// serviceSpec is one --serve.
type serviceSpec struct {
	kind string
	port int
	dir  string
}

func parseServices(list []string) ([]serviceSpec, error) {
	var specs []serviceSpec
	for _, s := range list {
		spec, err := parseService(s)
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	return specs, nil
}

// parseService reads echo:7 or http:80=DIR.
func parseService(s string) (serviceSpec, error) {
	name, dir, hasDir := strings.Cut(s, "=")
	kind, port, _ := strings.Cut(name, ":")
	spec := serviceSpec{kind: kind, dir: dir}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return spec, usage("--serve %q: a service is NAME:PORT, with a port from 1 to 65535, such as echo:7", s)
	}
	spec.port = n
	switch kind {
	case "echo", "discard", "chargen", "iperf3":
		if hasDir {
			return spec, usage("--serve %q: %s serves no directory", s, kind)
		}
	case "http":
		if st, err := os.Stat(dir); !hasDir || err != nil || !st.IsDir() {
			return spec, usage("--serve %q: http needs a directory that exists: http:80=DIR", s)
		}
	default:
		return spec, usage("--serve %q: there are echo, discard, chargen, iperf3 and http", s)
	}
	return spec, nil
}

// services are what runs on a stack.
type services struct {
	mu     sync.Mutex
	closed bool
	open   map[io.Closer]struct{}
	https  []*httpService
	wg     sync.WaitGroup
}

// startServices starts all, or none.
func startServices(s *ministack.Stack, specs []serviceSpec) (*services, error) {
	v := &services{open: map[io.Closer]struct{}{}}
	for _, spec := range specs {
		if err := v.start(s, spec); err != nil {
			v.Close(context.Background())
			return nil, fmt.Errorf("cannot serve %s on port %d of the stack: %w", spec.kind, spec.port, err)
		}
	}
	return v, nil
}

func (v *services) start(s *ministack.Stack, spec serviceSpec) error {
	if spec.kind == "iperf3" {
		return v.serveIperf3(s, spec.port)
	}
	at := fmt.Sprintf(":%d", spec.port)
	l, err := s.Listen("tcp", at)
	if err != nil {
		return err
	}
	if spec.kind == "http" {
		v.https = append(v.https, serveFiles(l, spec.dir))
		return nil
	}
	v.goServe(l, func() { v.accept(l, streamServices[spec.kind]) })
	p, err := s.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	v.goServe(p, func() { serveDatagrams(p, datagramServices[spec.kind]) })
	return nil
}

func (v *services) serveIperf3(s *ministack.Stack, port int) error {
	srv, err := iperf3.Listen(s, port)
	if err != nil {
		return err
	}
	v.goServe(srv, srv.Serve)
	return nil
}

// goServe runs fn, which ends when c is closed.
func (v *services) goServe(c io.Closer, fn func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		c.Close()
		return
	}
	v.open[c] = struct{}{}
	v.wg.Add(1)
	go func() {
		defer v.wg.Done()
		fn()
		c.Close()
		v.mu.Lock()
		delete(v.open, c)
		v.mu.Unlock()
	}()
}

func (v *services) accept(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		v.goServe(c, func() { serve(c) })
	}
}

func serveDatagrams(p net.PacketConn, answer func([]byte) []byte) {
	buf := make([]byte, 65535)
	for {
		n, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		if out := answer(buf[:n]); out != nil {
			_, _ = p.WriteTo(out, from) // it is a datagram: it may be lost
		}
	}
}

// Close stops listening, closes the connections, which says goodbye to their
// peers, and returns when all is done or ctx ends.
func (v *services) Close(ctx context.Context) {
	v.mu.Lock()
	v.closed = true
	for c := range v.open {
		c.Close()
	}
	v.mu.Unlock()
	for _, h := range v.https {
		h.close(ctx)
	}
	v.wg.Wait()
}
