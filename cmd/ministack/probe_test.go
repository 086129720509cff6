package main

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/trace"
)

// probing begins a probe; stop ends it.
func probing(t *testing.T, args ...string) (out *growing, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	out = &growing{}
	errs, code := &growing{}, make(chan int, 1)
	a := &app{ctx: ctx, in: strings.NewReader(""), out: out, err: errs}
	go func() { code <- a.main(append([]string{"probe"}, args...)) }()
	errs.waitFor(t, "probing")
	return out, func() {
		cancel()
		require.Zero(t, <-code, errs)
	}
}

// requireOrder demands lines that match, in this order, others between them.
func requireOrder(t *testing.T, text string, patterns ...string) {
	t.Helper()
	lines := strings.Split(text, "\n")
	for _, p := range patterns {
		re, i := regexp.MustCompile(p), 0
		for i < len(lines) && !re.MatchString(lines[i]) {
			i++
		}
		require.Less(t, i, len(lines), "no line %q, in its place, in:\n%s", p, text)
		lines = lines[i+1:]
	}
}

func TestProbeShowsTheFunctionsThatACallPasses(t *testing.T) {
	alpha, beta := running(t)
	l, err := beta.Listen("tcp", ":80")
	require.NoError(t, err)
	defer l.Close()
	c, err := alpha.Dial("tcp", "10.9.0.2:80")
	require.NoError(t, err)
	defer c.Close()
	out, stop := probing(t, "ev=socket,tcp,link")
	for range 2 {
		_, err = c.Write([]byte("hello"))
		require.NoError(t, err)
	}
	const sent = "] <- socket.(*Socket).Send\n"
	require.Eventually(t, func() bool { return strings.Count(out.String(), sent) == 2 }, 10*time.Second, time.Millisecond)
	stop()
	sending := []string{
		`^ +0\.0 \[\d+\] -> socket\.\(\*Socket\)\.Send +socket/io\.go:\d+$`,
		`^ +\d+\.\d \[\d+\]  +-> tcp\.\(\*Conn\)\.Send `,
		`^ +\d+\.\d \[\d+\]  +-> tcp\.\(\*Conn\)\.output `,
		`^ +\d+\.\d \[\d+\]  +\. tcp\.tx `,
		`^ +\d+\.\d \[\d+\]  +\. link\.tx `,
		`^ +\d+\.\d \[\d+\] <- socket\.\(\*Socket\)\.Send$`,
	}
	requireOrder(t, out.String(), append(sending, sending...)...)
}

func TestProbeInJSON(t *testing.T) {
	alpha, _ := running(t)
	out, stop := probing(t, "-j", "udp")
	c, err := alpha.Dial("udp", "10.9.0.2:9")
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	out.waitFor(t, "\n")
	stop()
	var s trace.Step
	require.NoError(t, json.Unmarshal([]byte(strings.SplitN(out.String(), "\n", 2)[0]), &s))
	require.NotEmpty(t, s.Calls)
	require.NotZero(t, s.Goroutine)
}
