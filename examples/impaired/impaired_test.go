// Package impaired shows how a protocol is tested over a bad network with
// nothing but go test: two stacks in one process, a link between them that
// loses, delays and reorders packets, and a virtual clock, so that a test of
// minutes takes milliseconds and is the same each time.
//
//	go test -v ./examples/impaired
package impaired

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/stat"
)

// bad is the link: a tenth of a second there and back, and one packet in fifty
// gets lost.
var bad = netdev.Impairment{Loss: 0.02, Delay: 50 * time.Millisecond, Reorder: 0.01, Rate: 20e6, Seed: 7}

// network is two stacks and the time that passes for them.
type network struct {
	clock          *clock.VirtualClock
	client, server *ministack.Stack
}

func newNetwork(t *testing.T) *network {
	n := &network{clock: clock.NewVirtual()}
	a, b := netdev.Pipe(1500)
	n.client = n.stack(t, netdev.Impair(a, n.clock, bad), "10.0.0.1/24", 1) // one end is enough: both directions
	n.server = n.stack(t, b, "10.0.0.2/24", 2)
	return n
}

// stack makes a stack on the common clock, with randomness of a seed.
func (n *network) stack(t *testing.T, d netdev.Driver, addr string, seed uint64) *ministack.Stack {
	s, err := ministack.New(ministack.Config{Clock: n.clock, Rand: ministack.SeededRand(seed)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	_, err = s.Attach(d, "eth0")
	require.NoError(t, err)
	require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(addr)))
	return s
}

// download sends data from the server to the client, a piece at a time. It takes
// one goroutine only, since whoever waits on a virtual clock drives it on, and
// with one goroutine each run is the same as the last.
func (n *network) download(t *testing.T, data []byte) (got []byte, took time.Duration) {
	l, err := n.server.Listen("tcp", ":80")
	require.NoError(t, err)
	began := n.clock.Now()
	c, err := n.client.Dial("tcp", "10.0.0.2:80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	for part := range slices.Chunk(data, 64<<10) { // the send buffer has room for it: Write does not wait
		_, err := s.Write(part)
		require.NoError(t, err)
		buf := make([]byte, len(part))
		_, err = io.ReadFull(c, buf)
		require.NoError(t, err)
		got = append(got, buf...)
	}
	return got, n.clock.Now().Sub(began)
}

func TestADownloadOverABadLink(t *testing.T) {
	data := make([]byte, 2<<20)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	n := newNetwork(t)
	began := time.Now()
	got, took := n.download(t, data)
	require.True(t, bytes.Equal(data, got), "not a byte is lost, doubled or out of place")
	again := n.server.Counters().Get(stat.TcpRetransSegs)
	t.Logf("%d bytes in %v on the virtual clock, %v on yours; %d segments sent again", len(got), took, time.Since(began), again)
	require.NotZero(t, again)
	_, repeated := newNetwork(t).download(t, data)
	require.Equal(t, took, repeated, "to the nanosecond")
}
