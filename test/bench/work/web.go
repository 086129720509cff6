package work

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const webPort = 8080

// Names of further results.
const (
	ToolP50 = "p50 ns" // of wrk, over its whole run
	ToolP99 = "p99 ns"
)

func web() []Work {
	skip := inPipe("wrk is a program of the kernel's side")
	of := func(name string, size int) Work {
		return Work{Name: name, About: fmt.Sprintf("GET of %d bytes from net/http on the subject's listener, wrk with 64 connections", size),
			Unit: PerSec, Counted: Subject, Streams: 64, Tail: 1500 * time.Millisecond, Skip: skip,
			OnSubject: Part{Listen: func(e *Env) error { return serve(e, size) }},
			OnPeer:    Part{Run: runWrk, Finish: finishWrk}}
	}
	return []Work{of("http-small", 128), of("http-100k", 100_000)}
}

// serve answers every request with the same body.
func serve(e *Env, size int) error {
	l, err := e.Net.Listen(addrOf(e.Own, webPort))
	if err != nil {
		return err
	}
	body := bytes.Repeat([]byte("x"), size)
	length := strconv.Itoa(size)
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.Header().Set("Content-Length", length)
			_, _ = w.Write(body)
			e.Stats.Bytes.Add(uint64(size))
			e.Stats.Ops.Add(1)
		}))
	}()
	return nil
}

// runWrk starts wrk for as long as the measurement takes, and some more: its
// rate is taken from the server, its latencies from wrk.
func runWrk(e *Env) error {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk, which makes the requests of the http works, is not installed (Debian: apt install wrk)")
	}
	seconds := int((e.Warmup + e.Time + time.Second).Seconds()) + 1
	cmd := exec.Command("wrk", "-t1", "-c"+strconv.Itoa(e.Streams), "-d"+strconv.Itoa(seconds)+"s", "--latency", "http://"+e.other(webPort)+"/")
	e.tool = make(chan toolResult, 1)
	go func() {
		out, err := cmd.CombinedOutput()
		e.tool <- toolResult{string(out), err}
	}()
	return nil
}

type toolResult struct {
	out string
	err error
}

func finishWrk(e *Env) error {
	r := <-e.tool
	if r.err != nil {
		return fmt.Errorf("wrk: %w: %s", r.err, r.out)
	}
	for name, percentile := range map[string]string{ToolP50: "50%", ToolP99: "99%"} {
		d, err := wrkLatency(r.out, percentile)
		if err != nil {
			return err
		}
		e.Extra[name] = float64(d)
	}
	return nil
}

// wrkLatency finds a line such as "  99%    3.41ms" in what wrk says.
func wrkLatency(out, percentile string) (time.Duration, error) {
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == percentile {
			return time.ParseDuration(f[1])
		}
	}
	return 0, fmt.Errorf("wrk does not say its latency at %s: %s", percentile, out)
}
