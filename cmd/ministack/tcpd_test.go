package main

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// growing is output that another goroutine reads while it grows.
type growing struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (g *growing) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.buf.Write(p)
}

func (g *growing) String() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.buf.String()
}

// waitFor waits until the output has the text.
func (g *growing) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(g.String(), text) }, 10*time.Second, time.Millisecond, "%q in:\n%s", text, g)
}

// begin runs a command line in the background; its status comes by the channel.
func begin(t *testing.T, args ...string) (*growing, <-chan int) {
	out, code := &growing{}, make(chan int, 1)
	a := &app{ctx: t.Context(), in: strings.NewReader(""), out: out, err: out}
	go func() { code <- a.main(args) }()
	return out, code
}

func TestTCPDDumpsAConnection(t *testing.T) {
	_, beta := running(t)
	out, code := begin(t, "tcpd", "7000")
	out.waitFor(t, "listening on")
	c, err := beta.Dial("tcp", "10.9.0.1:7000")
	require.NoError(t, err)
	_, err = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.Zero(t, <-code)
	require.Equal(t, "listening on 0.0.0.0:7000\n"+
		"connection from "+c.LocalAddr().String()+"\n"+
		"00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|\n"+
		"00000010  0d 0a                                             |..|\n"+
		"connection closed\n", out.String())
}

func TestTCPDRefusesWhatIsNoPort(t *testing.T) {
	running(t)
	for _, port := range []string{"0", "x", "20-25", "70000"} {
		require.Equal(t, 2, command(t, "", "tcpd", port).code)
	}
}
