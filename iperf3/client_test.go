package iperf3

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
)

const (
	clientIP = "10.9.0.1"
	serverIP = "10.9.0.2"
	serverAt = serverIP + ":5201"
)

// lab is a server on a stack, and a second stack for its clients.
type lab struct {
	t      testing.TB
	client *ministack.Stack
	server *Server
	served chan struct{} // closed when Serve has returned
}

func newLab(t testing.TB) *lab {
	left, right := netdev.Pipe(1500)
	l := &lab{t: t, client: onCable(t, left, clientIP), served: make(chan struct{})}
	s := onCable(t, right, serverIP)
	v, err := Listen(s, 5201)
	require.NoError(t, err)
	l.server = v
	go func() { v.Serve(); close(l.served) }()
	t.Cleanup(func() {
		v.Close() // again, where the test did
		<-l.served
	})
	return l
}

func onCable(t testing.TB, d netdev.Driver, ip string) *ministack.Stack {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	_, err = s.Attach(d, "eth0")
	require.NoError(t, err)
	require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(ip+"/24")))
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.Zero(t, s.Pool().Count().Live, "buffers that met no fate")
	})
	return s
}

// fake is a client made by hand.
type fake struct {
	t      testing.TB
	lab    *lab
	ctl    net.Conn
	cookie string
	conns  []net.Conn
}

// dial opens a control connection that says first.
func (l *lab) dial(first string) *fake {
	c, err := l.client.Dial("tcp", serverAt)
	require.NoError(l.t, err)
	l.t.Cleanup(func() { c.Close() })
	require.NoError(l.t, c.SetDeadline(time.Now().Add(20*time.Second)))
	f := &fake{t: l.t, lab: l, ctl: c, cookie: first}
	f.say(first)
	return f
}

// newCookie is 36 of a letter and a zero.
func newCookie(letter string) string { return strings.Repeat(letter, 36) + "\x00" }

func (f *fake) say(s string) {
	f.t.Helper()
	_, err := io.WriteString(f.ctl, s)
	require.NoError(f.t, err)
}

func (f *fake) hear(states ...state) {
	f.t.Helper()
	for _, want := range states {
		var p [1]byte
		_, err := io.ReadFull(f.ctl, p[:])
		require.NoError(f.t, err, "in place of state %d", want)
		require.Equal(f.t, want, state(p[0]))
	}
}

// hearEnd expects the end of the connection.
func (f *fake) hearEnd() {
	f.t.Helper()
	rest, err := io.ReadAll(f.ctl)
	require.NoError(f.t, err)
	require.Empty(f.t, rest)
}

func (f *fake) sayJSON(text string) {
	f.t.Helper()
	f.say(string(binary.BigEndian.AppendUint32(nil, uint32(len(text)))) + text)
}

// hearRefusal expects a serverError with its reason.
func (f *fake) hearRefusal(r reason) {
	f.t.Helper()
	f.hear(serverError)
	var p [8]byte
	_, err := io.ReadFull(f.ctl, p[:])
	require.NoError(f.t, err)
	require.Equal(f.t, r, reason(binary.BigEndian.Uint32(p[:])))
	f.hearEnd()
}

// ask goes through the first states.
func (f *fake) ask(text string) {
	f.t.Helper()
	f.hear(paramExchange)
	f.sayJSON(text)
	f.hear(createStreams)
}

// openTCP opens n streams.
func (f *fake) openTCP(n int) {
	f.t.Helper()
	for range n {
		c, err := f.lab.client.Dial("tcp", serverAt)
		require.NoError(f.t, err)
		f.t.Cleanup(func() { c.Close() })
		_, err = io.WriteString(c, f.cookie)
		require.NoError(f.t, err)
		f.conns = append(f.conns, c)
	}
	f.hear(testStart, testRunning)
}

// openUDP opens n streams with the greeting of clients of 3.12.
func (f *fake) openUDP(n int) {
	f.t.Helper()
	for range n {
		c, err := f.lab.client.Dial("udp", serverAt)
		require.NoError(f.t, err)
		f.t.Cleanup(func() { c.Close() })
		require.NoError(f.t, c.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(c, "9876")
		require.NoError(f.t, err)
		var p [5]byte
		k, err := c.Read(p[:])
		require.NoError(f.t, err)
		require.Equal(f.t, "6789", string(p[:k]))
		f.conns = append(f.conns, c)
	}
	f.hear(testStart, testRunning)
}

// stop ends the test and exchanges results; the client's are what a client of
// 3.12 says that sends, with its way to write -1.
func (f *fake) stop() results {
	f.t.Helper()
	f.say("\x04")
	f.hear(exchangeResults)
	f.sayJSON(`{"sender_has_retransmits":18446744073709551615,"streams":[{"id":1,"bytes":1,"retransmits":18446744073709551615}]}`)
	var head [4]byte
	_, err := io.ReadFull(f.ctl, head[:])
	require.NoError(f.t, err)
	text := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err = io.ReadFull(f.ctl, text)
	require.NoError(f.t, err)
	var r results
	require.NoError(f.t, json.Unmarshal(text, &r))
	f.hear(displayResults)
	f.say("\x10")
	f.hearEnd()
	return r
}
