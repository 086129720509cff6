package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/trace"
)

// demoTour is what the demo shows, step by step.
type demoTour struct {
	a      *app
	f      *demoFlags
	s      *ministack.Stack
	c      *control.Client
	failed []string
}

const demoPage = "Hello from a TCP/IP stack in user space.\n"

// run takes all steps, also after one has failed, and tells the truth at the
// end.
func (t *demoTour) run() error {
	services, err := startServices(t.s, []serviceSpec{{kind: "echo", port: 7}})
	if err != nil {
		return err
	}
	defer services.Close(t.a.ctx)
	l, err := t.s.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	web := serveHTTP(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, demoPage) }))
	defer web.close(t.a.ctx)
	t.step("ping", "icmp", 2, t.ping)
	t.step("curl", "tcp port 80", 4, t.curl)
	t.step("a port where nobody listens", "tcp port 81", 2, t.closedPort)
	t.step("our ping, against the kernel's stack", "", 0, t.ourPing)
	t.say("why %s", demoHost.Addr())
	w, err := t.c.Why(demoHost.Addr())
	if err != nil {
		return err
	}
	t.a.printWhy(&w)
	return t.verdict()
}

func (t *demoTour) verdict() error {
	if len(t.failed) > 0 {
		fmt.Fprintf(t.a.out, "\nFailed: %s.\n", strings.Join(t.failed, ", "))
		return exitCode(1)
	}
	fmt.Fprintln(t.a.out, "\nAll of it worked. Next: ministack run --help")
	return nil
}

func (t *demoTour) say(format string, args ...any) {
	fmt.Fprintf(t.a.out, "\n== "+format+"\n", args...)
}

// step does one thing while the stack is traced, then shows the way of the
// first packets.
func (t *demoTour) step(name, filter string, packets int, do func() error) {
	t.say("%s", name)
	if t.a.ctx.Err() != nil {
		t.failed = append(t.failed, name+" (interrupted)")
		return
	}
	f, err := trace.ParseFilter(filter)
	if err == nil {
		w := f.Watch()
		w.Precise = true
		t.s.Tracer().Start(w)
		err = do()
		t.s.Tracer().Stop()
	}
	if err != nil {
		fmt.Fprintf(t.a.out, "FAILED: %v\n", err)
		t.failed = append(t.failed, name)
	}
	t.show(f, packets)
}

// show prints the way of the first packets of a step.
func (t *demoTour) show(f *trace.Filter, packets int) {
	recs, _ := t.s.Tracer().Read(0, nil)
	entries := make([]trace.Entry, 0, len(recs))
	for i := range recs {
		entries = append(entries, trace.Decode(&recs[i]))
	}
	r := &traceReport{f: &traceFlags{count: packets}, seen: map[uint64]bool{}}
	kept := trace.NewSelector(f).Keep(entries)
	if packets == 0 || len(kept) == 0 {
		return
	}
	fmt.Fprintf(t.a.out, "\nThe way of its first packets through the stack:\n")
	p := trace.Printer{W: t.a.out, Source: t.f.source}
	_, _ = p.Print(firstPackets(r, kept)) // output that fails, fails in verdict as well
}

// firstPackets are those of the first packets, with what they caused.
func firstPackets(r *traceReport, entries []trace.Entry) []trace.Entry {
	kept := r.limit(append([]trace.Entry(nil), entries...))
	var mine []trace.Entry
	for _, e := range kept {
		if r.seen[e.Packet] || e.Packet == 0 && r.seen[e.Cause] {
			mine = append(mine, e)
		}
	}
	return mine
}

// tool runs a program of the host, and reports false where there is none.
func (t *demoTour) tool(name string, args ...string) (out string, found bool, err error) {
	path, err := exec.LookPath(name)
	if err != nil {
		fmt.Fprintf(t.a.out, "Missing: %s. Instead: a client of our own on a socket of the kernel.\n", name)
	}
	if err != nil || t.f.builtin {
		return "", false, nil
	}
	fmt.Fprintf(t.a.out, "$ %s %s\n", name, strings.Join(args, " "))
	ctx, cancel := context.WithTimeout(t.a.ctx, 20*time.Second)
	defer cancel()
	var b bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "no_proxy=*")
	cmd.Stdout, cmd.Stderr = io.MultiWriter(t.a.out, &b), io.MultiWriter(t.a.out, &b)
	err = cmd.Run()
	return b.String(), true, err
}

func (t *demoTour) ping() error {
	_, found, err := t.tool("ping", "-n", "-c", "2", "-i", "0.2", "-W", "5", demoStack.Addr().String())
	if found {
		return err
	}
	return kernelPing(t.a.out, demoStack.Addr(), 2)
}

func (t *demoTour) curl() error {
	url := "http://" + demoStack.Addr().String() + "/"
	out, found, err := t.tool("curl", "-sS", "--noproxy", "*", "-m", "10", url)
	if !found {
		out, err = kernelGet(url)
		fmt.Fprint(t.a.out, out)
	}
	if err == nil && out != demoPage {
		return fmt.Errorf("the page came as %q", out)
	}
	return err
}

// closedPort shows how a refusal looks from inside.
func (t *demoTour) closedPort() error {
	addr := netip.AddrPortFrom(demoStack.Addr(), 81).String()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%s accepted a connection", addr)
	}
	fmt.Fprintln(t.a.out, err)
	if !isRefused(err) {
		return fmt.Errorf("a refusal was expected")
	}
	return nil
}

func (t *demoTour) ourPing() error {
	q := control.PingRequest{Dst: demoHost.Addr(), Count: 2, Interval: 200 * time.Millisecond, Timeout: 5 * time.Second, Size: 1000}
	r := &pingReport{out: t.a.out, err: t.a.err, dst: q.Dst, size: q.Size, began: time.Now()}
	if err := t.c.Ping(t.a.ctx, q, r.event); err != nil {
		return err
	}
	return r.end()
}
