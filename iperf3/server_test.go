package iperf3

import (
	"bytes"
	"io"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBytesOfEachStreamAreCounted(t *testing.T) {
	f := newLab(t).dial(newCookie("a"))
	f.ask(`{"tcp":true,"parallel":3,"len":1000,"time":10}`)
	f.openTCP(3)
	for i, c := range f.conns {
		_, err := c.Write(make([]byte, (i+1)*1000))
		require.NoError(t, err)
	}
	f.settled(6000)
	r := f.stop()
	require.Equal(t, -1, r.HasRetransmits)
	require.Equal(t, "cubic", r.Congestion)
	for i, s := range r.Streams {
		require.Equal(t, []int{1, 3, 4}[i], s.ID)
		require.Equal(t, int64(i+1)*1000, s.Bytes)
		require.Equal(t, int64(-1), s.Retransmits)
		require.Positive(t, s.EndTime)
	}
}

// settled waits until the server has received n bytes.
func (f *fake) settled(n int64) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		v := f.lab.server
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.running != nil && v.running.moved() >= n
	}, 20*time.Second, time.Millisecond)
}

func TestTheServerSendsAsManyBlocksAsWereAskedFor(t *testing.T) {
	for params, want := range map[string]int64{
		`{"tcp":true,"parallel":2,"len":1000,"num":9500,"reverse":true}`:                        10000,
		`{"tcp":true,"parallel":2,"len":1000,"blockcount":7,"reverse":true}`:                    7000,
		`{"tcp":true,"parallel":2,"len":1000,"num":5000,"bandwidth":1e9,"reverse":true}`:        5000,
		`{"tcp":true,"parallel":2,"len":131072,"num":1e7,"repeating_payload":1,"reverse":true}`: 77 * 131072,
	} {
		f := newLab(t).dial(newCookie("a"))
		f.ask(params)
		f.openTCP(2)
		got := f.collect(want)
		require.Equal(t, strings.Contains(params, "repeating"), bytes.HasPrefix(got[0], []byte("0123456789")) || bytes.HasPrefix(got[1], []byte("0123456789")))
		r := f.stop()
		require.Equal(t, 1, r.HasRetransmits)
		require.Equal(t, want, r.Streams[0].Bytes+r.Streams[1].Bytes, params)
		for i := range got {
			require.Equal(t, r.Streams[i].Bytes, int64(len(got[i])))
			require.GreaterOrEqual(t, r.Streams[i].Retransmits, int64(0))
		}
	}
}

// collect reads all streams until together they had n bytes.
func (f *fake) collect(n int64) [][]byte {
	var wg sync.WaitGroup
	var mu sync.Mutex
	got, total := make([][]byte, len(f.conns)), int64(0)
	for i, c := range f.conns {
		wg.Go(func() {
			buf := make([]byte, 1<<16)
			for {
				k, err := c.Read(buf)
				mu.Lock()
				got[i], total = append(got[i], buf[:k]...), total+int64(k)
				if total >= n {
					for _, c := range f.conns {
						_ = c.SetReadDeadline(time.Unix(1, 0)) // all have what they wait for
					}
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	require.Equal(f.t, n, total)
	return got
}

func TestBothDirectionsAtOnce(t *testing.T) {
	f := newLab(t).dial(newCookie("a"))
	f.ask(`{"tcp":true,"parallel":1,"len":1000,"num":3000,"bidirectional":true}`)
	f.openTCP(2)
	_, err := f.conns[0].Write(make([]byte, 3000))
	require.NoError(t, err)
	_, err = io.ReadFull(f.conns[1], make([]byte, 3000))
	require.NoError(t, err)
	f.settled(6000)
	r := f.stop()
	require.Equal(t, 1, r.HasRetransmits)
	require.Equal(t, []int64{3000, -1, 3000, 0}, []int64{r.Streams[0].Bytes, r.Streams[0].Retransmits, r.Streams[1].Bytes, r.Streams[1].Retransmits})
}

func TestDatagramsAreCountedByTheirNumbers(t *testing.T) {
	for _, wide := range []bool{false, true} {
		f := newLab(t).dial(newCookie("a"))
		f.ask(map[bool]string{false: `{"udp":true,"parallel":2,"len":100,"time":10}`,
			true: `{"udp":true,"parallel":2,"len":100,"time":10,"udp_counters_64bit":1}`}[wide])
		f.openUDP(2)
		for _, n := range []int64{1, 2, 5, 4} {
			p := make([]byte, 100)
			putHeader(p, wide, time.Duration(n)*time.Millisecond, n)
			_, err := f.conns[1].Write(p)
			require.NoError(t, err)
		}
		_, err := f.conns[1].Write([]byte("9876")) // sent again: no datagram of the test
		require.NoError(t, err)
		f.settled(400)
		r := f.stop()
		require.Equal(t, -1, r.HasRetransmits)
		require.Zero(t, r.Streams[0].Packets)
		s := r.Streams[1]
		require.Equal(t, [4]int64{3, 400, 5, 1}, [4]int64{int64(s.ID), s.Bytes, s.Packets, s.Errors})
		require.Positive(t, s.Jitter)
	}
}

// What is lost on the way does not keep a client waiting that counts bytes.
func TestDatagramsComeUntilTheClientHasEnough(t *testing.T) {
	f := newLab(t).dial(newCookie("a"))
	f.ask(`{"udp":true,"parallel":1,"len":500,"num":2000,"bandwidth":1e7,"reverse":true}`)
	f.openUDP(1)
	buf := make([]byte, 1000)
	for n := int64(1); n <= 20; n++ {
		k, err := f.conns[0].Read(buf)
		require.NoError(t, err)
		require.Equal(t, 500, k)
		_, number, ok := header(buf[:k], false)
		require.True(t, ok)
		require.Equal(t, n, number)
	}
	r := f.stop()
	require.Equal(t, 0, r.HasRetransmits)
	require.GreaterOrEqual(t, r.Streams[0].Packets, int64(20))
	require.Equal(t, r.Streams[0].Bytes, 500*r.Streams[0].Packets)
}

func TestADatagramOfAStrangerOpensNoStream(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.client.AddAddr("eth0", netip.MustParsePrefix("10.9.0.7/24")))
	f := l.dial(newCookie("a"))
	f.ask(`{"udp":true,"parallel":1,"len":100,"time":1}`)
	stranger, err := l.client.DialFrom(t.Context(), "udp", "10.9.0.7:0", serverAt)
	require.NoError(t, err)
	defer stranger.Close()
	_, err = io.WriteString(stranger, "9876")
	require.NoError(t, err)
	f.openUDP(1)
	require.Len(t, f.stop().Streams, 1)
}

func TestOneTestAtATime(t *testing.T) {
	l := newLab(t)
	first := l.dial(newCookie("a"))
	first.ask(`{"tcp":true,"parallel":1,"len":1000,"time":10}`)
	second := l.dial(newCookie("b"))
	second.hear(accessDenied)
	second.hearEnd()
	first.openTCP(1) // it is not disturbed
	third := l.dial(first.cookie)
	third.hear(accessDenied) // no stream is missing
	first.stop()
	again := l.dial(newCookie("b"))
	again.ask(`{"tcp":true,"parallel":1,"len":1000,"time":10}`)
	again.openTCP(1)
	again.stop()
}

func TestAClientThatVanishesLeavesRoomForTheNext(t *testing.T) {
	vanish := map[string]func(f *fake){
		"before its parameters": func(f *fake) { f.hear(paramExchange) },
		"before its streams":    func(f *fake) { f.ask(`{"tcp":true,"parallel":1,"len":1000,"time":10}`) },
		"between its streams": func(f *fake) {
			f.ask(`{"udp":true,"parallel":2,"len":1000,"time":10}`)
			c, err := f.lab.client.Dial("udp", serverAt)
			require.NoError(t, err)
			defer c.Close()
			_, err = io.WriteString(c, "9876")
			require.NoError(t, err)
		},
		"while it sends": func(f *fake) {
			f.ask(`{"tcp":true,"parallel":2,"len":1000,"time":10}`)
			f.openTCP(2)
		},
		"while it is sent to": func(f *fake) {
			f.ask(`{"tcp":true,"parallel":2,"len":131072,"time":10,"bidirectional":true}`)
			f.openTCP(4)
		},
		"by a signal": func(f *fake) {
			f.ask(`{"udp":true,"parallel":2,"len":1000,"time":10,"bandwidth":1e6,"reverse":true}`)
			f.openUDP(2)
			f.say("\x0c")
			f.hearEnd()
		},
	}
	for name, how := range vanish {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			f := l.dial(newCookie("a"))
			how(f)
			f.ctl.Close()
			for _, c := range f.conns {
				c.Close()
			}
			next := l.dial(newCookie("b"))
			next.ask(`{"tcp":true,"parallel":1,"len":1000,"time":10}`)
			next.openTCP(1)
			next.stop()
		})
	}
}

func TestGarbageIsTurnedAway(t *testing.T) {
	l := newLab(t)
	f := l.dial("GET / HTTP/1.1\r\nHost: 10.9.0.2:5201\r\n\r\n")
	f.gone()
	short := l.dial("x") // says no more, and is in nobody's way
	f = l.dial(newCookie("a"))
	f.hear(paramExchange)
	f.say("\xff\xff\xff\xff")
	f.hearRefusal(reasonParams)
	f = l.dial(newCookie("a"))
	f.hear(paramExchange)
	f.sayJSON(`{"tcp":`)
	f.hearRefusal(reasonParams)
	f = l.dial(newCookie("a"))
	f.hear(paramExchange)
	f.sayJSON(sctp)
	f.hearRefusal(reasonProtocol)
	f = l.dial(newCookie("a"))
	f.ask(`{"tcp":true,"parallel":1,"len":1000,"time":10}`)
	f.openTCP(1)
	f.say("\x07")
	f.hearRefusal(reasonControl)
	f = l.dial(newCookie("a"))
	f.ask(`{"tcp":true,"parallel":1,"len":1000,"time":10}`)
	f.openTCP(1)
	f.say("\x04")
	f.hear(exchangeResults)
	f.sayJSON("no results")
	f.hearRefusal(reasonResults)
	short.ctl.Close()
}

// gone expects that the connection ends, in whichever way.
func (f *fake) gone() {
	f.t.Helper()
	n, err := f.ctl.Read(make([]byte, 1))
	require.Zero(f.t, n)
	require.Error(f.t, err)
}

func TestTheEndOfTheServerEndsATest(t *testing.T) {
	l := newLab(t)
	f := l.dial(newCookie("a"))
	f.ask(`{"tcp":true,"parallel":2,"len":131072,"time":10,"bidirectional":true}`)
	f.openTCP(4)
	waiting := l.dial("x")
	require.NoError(t, l.server.Close())
	f.hear(serverTerminate)
	f.hearEnd()
	waiting.gone()
	<-l.served
}

func TestWhatIsToBeOmittedDoesNotCount(t *testing.T) {
	f := newLab(t).dial(newCookie("a"))
	f.ask(`{"udp":true,"parallel":1,"len":100,"omit":0.05,"time":10,"get_server_output":1}`)
	f.openUDP(1)
	p := make([]byte, 100)
	for _, n := range []int64{1, 3} {
		putHeader(p, false, 0, n)
		_, err := f.conns[0].Write(p)
		require.NoError(t, err)
	}
	f.settled(200)
	f.omitted()
	putHeader(p, false, 0, 4)
	_, err := f.conns[0].Write(p)
	require.NoError(t, err)
	f.settled(300)
	r := f.stop()
	s := r.Streams[0]
	require.Equal(t, [5]int64{100, 4, 3, 1, 1}, [5]int64{s.Bytes, s.Packets, s.OmittedPackets, s.Errors, s.OmittedErrors})
	require.Contains(t, r.Output, "Accepted connection from 10.9.0.1, port ")
	require.Contains(t, r.Output, "0/1 (0%)  receiver\n")
}

// omitted waits for the end of the time to be omitted, which nothing on the
// wire shows.
func (f *fake) omitted() {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		v := f.lab.server
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.running.counting.Load()
	}, 20*time.Second, time.Millisecond)
}

// A client reads the block that it has begun to its end before it looks at the
// control connection again.
func TestStreamsEndWithTheTest(t *testing.T) {
	f := newLab(t).dial(newCookie("a"))
	f.ask(`{"tcp":true,"parallel":2,"len":131072,"time":10,"reverse":true}`)
	f.openTCP(2)
	_, err := io.ReadFull(f.conns[0], make([]byte, 1000))
	require.NoError(t, err)
	f.say("\x04")
	for _, c := range f.conns {
		_, err := io.Copy(io.Discard, c)
		require.NoError(t, err)
	}
	f.hear(exchangeResults)
}
