package world_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/test/world"
	"github.com/slankdev/ministack/trace"
	"github.com/stretchr/testify/require"
)

// The orders of events that Linux shows in four situations, observed there with
// probes; ours are the same. A probe's steps stand in the order in which things
// happened.

// steps are what a probe of a stack has recorded.
type steps []trace.Step

func probeOf(s *ministack.Stack) func() steps {
	s.Tracer().StartProbe(trace.Watch{})
	return func() steps {
		all, _ := s.Tracer().Steps()
		return all
	}
}

func lineOf(s *trace.Step) string {
	line := s.Event
	for _, a := range s.Args {
		line += " " + a.Name + "=" + a.Value
	}
	if s.Reason != "" {
		line += " " + s.Reason
	}
	return line
}

func (all steps) String() string {
	var b strings.Builder
	for i := range all {
		fmt.Fprintln(&b, lineOf(&all[i]))
	}
	return b.String()
}

// inOrder demands events that match, one after the other, others between them,
// and returns the matching steps.
func (all steps) inOrder(t *testing.T, patterns ...string) steps {
	t.Helper()
	var found steps
	i := 0
	for _, p := range patterns {
		re := regexp.MustCompile("^" + p)
		for i < len(all) && !re.MatchString(lineOf(&all[i])) {
			i++
		}
		require.Less(t, i, len(all), "no %q after %d others in:\n%s", p, len(found), all)
		found = append(found, all[i])
		i++
	}
	return found
}

// within reports whether a function was under way.
func within(s *trace.Step, function string) bool {
	for _, c := range s.Calls {
		if c.Func == function {
			return true
		}
	}
	return false
}

func rawSocket(t *testing.T, s *ministack.Stack, proto int) *socket.Socket {
	r, err := s.Socket(socket.AF_INET, socket.SOCK_RAW, proto)
	require.NoError(t, err)
	return r
}

// Order 1: a raw send to a neighbour that is not known. What waits leaves while
// the reply is being processed.
func TestOrderOfARawSendToAnUnknownNeighbour(t *testing.T) {
	w := world.Pair(t)
	s := rawSocket(t, w.Stacks[0], 253)
	took := probeOf(w.Stacks[0])
	_, err := s.SendTo([]byte("x"), 0, netip.MustParseAddrPort(world.Addr(1)+":0"))
	require.NoError(t, err)
	w.Clock.Run(time.Second)
	found := took().inOrder(t, `socket\.call`, `ipv4\.route dst=10\.0\.0\.2`, `raw\.tx`, `neigh\.state ip=10\.0\.0\.2 old=NONE new=INCOMPLETE`,
		`neigh\.arp\.tx op=request .*tpa=10\.0\.0\.2`, `socket\.return`, `neigh\.arp\.rx op=reply spa=10\.0\.0\.2`,
		`neigh\.state ip=10\.0\.0\.2 old=INCOMPLETE new=REACHABLE`, `neigh\.release ip=10\.0\.0\.2 packets=1`, `link\.tx .*len=35`)
	require.True(t, within(&found[len(found)-1], "arp.(*Module).Input"), "the held packet leaves while the reply is processed")
}

// Order 2: a ping with a raw ICMP receiver. The socket is readable before the
// echo reply is made; its clone is consumed by recv.
func TestOrderOfAPingWithARawReceiver(t *testing.T) {
	w := world.Pair(t)
	raw := rawSocket(t, w.Stacks[1], socket.IPPROTO_ICMP)
	ping, err := w.Stacks[0].Socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
	require.NoError(t, err)
	took := probeOf(w.Stacks[1])
	_, err = ping.SendTo(append([]byte{8, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 56)...), 0, netip.MustParseAddrPort(world.Addr(1)+":0"))
	require.NoError(t, err)
	w.Clock.Run(time.Second)
	took().inOrder(t, `link\.rx .*len=98`, `raw\.clone`, `raw\.deliver`, `socket\.wake events=in`, `icmp\.rx type=echo`, `icmp\.tx type=echo-reply`, `link\.tx .*len=98`)
	held := w.Stacks[1].Pool().Count().Live
	n, err := raw.Recv(make([]byte, 100), 0)
	require.NoError(t, err)
	require.Equal(t, 84, n)
	require.Equal(t, held-1, w.Stacks[1].Pool().Count().Live, "recv consumes the clone")
}

// Order 3: a SYN to a closed port with a raw TCP receiver.
func TestOrderOfASynToAClosedPortWithARawReceiver(t *testing.T) {
	w := world.Pair(t)
	rawSocket(t, w.Stacks[1], socket.IPPROTO_TCP)
	took := probeOf(w.Stacks[1])
	_, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":81")
	require.Error(t, err)
	took().inOrder(t, `link\.rx`, `raw\.deliver`, `socket\.wake events=in`, `tcp\.lookup verdict=MISS`, `tcp\.rst\.tx why=no-socket`,
		`tcp\.tx .*flags=\[R\.\]`, `drop .*NO_SOCKET`)
}

// Order 4: a server accepts, and its peer closes. A SYN makes a small entry, the
// third segment the connection; who closed first keeps a small entry again.
func TestOrderOfAConnectionsLifeAtAServer(t *testing.T) {
	w := world.Pair(t)
	l, err := w.Stacks[1].Listen("tcp", ":80")
	require.NoError(t, err)
	took, clients := probeOf(w.Stacks[1]), probeOf(w.Stacks[0])
	c, err := w.Stacks[0].Dial("tcp", world.Addr(1)+":80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	opening := took()
	opening.inOrder(t, `tcp\.rx .*flags=\[S\]`, `tcp\.tx .*flags=\[S\.\]`, `tcp\.rx .*flags=\[\.\]`, `tcp\.state old=LISTEN new=SYN_RECV`,
		`tcp\.state old=SYN_RECV new=ESTABLISHED`, `socket\.wake events=in`)
	require.NoError(t, c.Close())
	w.Clock.Run(time.Millisecond)
	require.NoError(t, s.Close())
	w.Clock.Run(time.Second)
	took().inOrder(t, `tcp\.state old=ESTABLISHED new=CLOSE_WAIT`, `tcp\.state old=CLOSE_WAIT new=LAST_ACK`, `tcp\.state old=LAST_ACK new=CLOSE`)
	clients().inOrder(t, `tcp\.state old=ESTABLISHED new=FIN_WAIT1`, `tcp\.state old=FIN_WAIT1 new=FIN_WAIT2`, `tcp\.state old=FIN_WAIT2 new=CLOSE`)
	require.Equal(t, []string{"TIME_WAIT, a small entry"}, connections(w.Stacks[0]))
}

// connections are the states of a stack's connections.
func connections(s *ministack.Stack) []string {
	var all []string
	s.TCPSockets(func(e tcp.Entry) {
		small := ""
		if e.Conn == nil {
			small = ", a small entry"
		}
		all = append(all, e.State.String()+small)
	})
	return all
}
