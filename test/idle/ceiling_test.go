package idle_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
	"github.com/stretchr/testify/require"
)

// ceiling is what an idle connection may hold of the heap, in all: the net.Conn,
// the socket, the connection and its places in the tables. Nearly all of it is the
// tcp.Conn: with the eight bytes that the allocator puts before it, it must fit a
// size class of 1280. A field more that does not fit a hole is 128 bytes more.
const ceiling = 1536 // bytes

// quiet returns two stacks on a virtual clock, joined by a link without ARP.
func quiet(t *testing.T) (clk *clock.VirtualClock, a, b *ministack.Stack) {
	clk = clock.NewVirtual()
	left, right := netdev.PipeWith(netdev.PipeOptions{NoLink: true})
	stack := func(drv netdev.Driver, addr string) *ministack.Stack {
		s, err := ministack.New(ministack.Config{Clock: clk})
		require.NoError(t, err)
		_, err = s.Attach(drv, "eth0")
		require.NoError(t, err)
		require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(addr)))
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	return clk, stack(left, "10.0.0.1/24"), stack(right, "10.0.0.2/24")
}

// A connection that is dialled and one that is accepted, each with a byte both
// ways, hold little memory when they are idle, no goroutine, and no timer: no
// event is left on the clock.
func TestAnIdleConnectionCostsMemoryAlone(t *testing.T) {
	clk, a, b := quiet(t)
	// Where there are many connections they share local ports: here 64 serve all.
	require.NoError(t, a.SetSysctl("net.ipv4.ip_local_port_range", "40000 40063"))
	const listeners, warm, pairs = 48, 64, 3000
	var accept [listeners]net.Listener
	for i := range accept {
		l, err := b.Listen("tcp", fmt.Sprint(":", 8000+i))
		require.NoError(t, err)
		accept[i] = l
	}
	var held [2][]net.Conn
	grow := func(n int) {
		for range n {
			i := len(held[0]) % listeners
			c, err := a.Dial("tcp", fmt.Sprint("10.0.0.2:", 8000+i))
			require.NoError(t, err)
			s, err := accept[i].Accept()
			require.NoError(t, err)
			exchange(t, c, s)
			exchange(t, s, c)
			held[0], held[1] = append(held[0], c), append(held[1], s)
		}
		clk.Run(time.Second)
	}
	held[0], held[1] = make([]net.Conn, 0, warm+pairs), make([]net.Conn, 0, warm+pairs)
	grow(warm) // what there is once, however many there are
	before := costs()
	grow(pairs)
	after := costs()
	each := (after.bytes - before.bytes) / (2 * pairs)
	t.Logf("%d bytes in %.1f objects", each, float64(after.objects-before.objects)/(2*pairs))
	require.LessOrEqual(t, each, ceiling)
	require.Equal(t, before.goroutines, after.goroutines)
	at, any := clk.Next()
	require.False(t, any, "something is due at %v", at)
}
