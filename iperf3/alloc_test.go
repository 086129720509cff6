package iperf3

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The sockets' own calls are asserted in package socket.
func TestTheLoopsAllocateNothingACall(t *testing.T) {
	x := &test{p: params{UDP: true, Len: 1000, Num: 1 << 50}, ctl: &control{clock: newLab(t).client.Clock()}, stop: make(chan struct{})}
	x.left.Store(1 << 50)
	s, ms := &stream{}, x.messages()
	pace := newPacer(&x.p, 0)
	number := int64(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for i := range ms {
			number++
			putHeader(ms[i].Data, false, time.Second, number)
			ms[i].N = len(ms[i].Data)
		}
		x.noteAll(s, ms)
		_, _ = pace.due(x.now())
		if !x.claim() || x.stopping() {
			t.Fail()
		}
	}))
}

// BenchmarkReverse is the whole way of a test that sends: two stacks on a cable
// in one process.
func BenchmarkReverse(b *testing.B) {
	l := newLab(b)
	f := l.dial(newCookie("a"))
	f.ask(`{"tcp":true,"parallel":1,"len":131072,"time":3600,"reverse":true}`)
	f.openTCP(1)
	buf := make([]byte, 128<<10)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.ReadFull(f.conns[0], buf); err != nil {
			b.Fatal(err)
		}
	}
	f.stop()
}
