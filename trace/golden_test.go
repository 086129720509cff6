package trace

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/skb"
)

var update = flag.Bool("update", false, "write golden files and generated documents anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	sameFile(t, filepath.Join("testdata", name), got)
}

func sameFile(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s is not up to date: run go generate ./trace", file)
}

const ms = clock.Time(time.Millisecond)

var host, peer = Addr(netip.MustParseAddr("10.9.0.2")), Addr(netip.MustParseAddr("10.9.0.1"))

// aStory is what happens when somebody knocks at a closed port, and then at an
// open one.
func aStory() []Entry {
	at := clock.Time(0)
	site := 0
	step := func(r Record, file string) Entry {
		r.Time = at
		at += 200
		site += 7
		e := Decode(&r)
		e.Site = file
		return e
	}
	rx := func(id uint64, ev Event, file string, args ...uint32) Entry {
		r := Record{Packet: id, If: 1, Len: 60, Event: ev}
		copy(r.Args[:], args)
		return step(r, file)
	}
	ports := uint32(43210)<<16 | 81
	story := []Entry{
		rx(17, LinkRx, "netdev/receive.go:71", 1, 60, 1, 0),
		rx(17, LinkDemux, "link/input.go:40", 0x0800, 0),
		rx(17, IPv4Rx, "ipv4/input.go:55", peer, host, 6<<8|64, 4711),
		rx(17, TCPRx, "tcp/input.go:23", 1000, 0, 2<<16|64240, ports),
		rx(17, TCPLookup, "tcp/demux.go:80", 0, ports, 0),
		step(Record{Event: TCPRstTx, Cause: 17, Args: [4]uint32{0, 0, 81<<16 | 43210}}, "tcp/reply.go:64"),
		step(Record{Packet: 18, Cause: 17, Dir: Sent, Event: TCPTx, Len: 20, Args: [4]uint32{2<<24 | 0x14<<16, 0, 1001, 81<<16 | 43210}}, "tcp/reply.go:39"),
		step(Record{Packet: 18, Cause: 17, Dir: Sent, Event: IPv4Tx, Len: 40, Args: [4]uint32{host, peer, 6<<8 | 64, 40}}, "ipv4/output.go:47"),
		step(Record{Packet: 17, If: 1, Event: StackDrop, Reason: skb.NoSocket, Args: [4]uint32{peer, host, 6, ports}}, "tcp/demux.go:88"),
		step(Record{Packet: 18, Cause: 17, If: 1, Dir: Sent, Event: LinkTx, Len: 54, Args: [4]uint32{1, 54, 2, 0}}, "netdev/device.go:152"),
	}
	at += 2 * ms
	return append(story,
		rx(19, ARPRx, "arp/input.go:25", 1, peer, host),
		rx(20, IPv4Rx, "ipv4/input.go:55", peer, host, 17<<8|64, 1),
		rx(20, UDPRx, "udp/input.go:23", peer, host, 5353<<16|53, 30),
		rx(20, UDPLookup, "udp/input.go:35", 4, 53),
		rx(20, UDPDeliver, "udp/sock.go:79", 1),
		rx(21, ICMPRx, "icmp/input.go:22", 8, 0, peer),
		step(Record{Event: TCPState, Sock: 7, Args: [4]uint32{2, 1, peer, 40000<<16 | 80}}, "tcp/state.go:88"),
		step(Record{Event: NeighState, Args: [4]uint32{peer, 2, 4, 2}}, "arp/state.go:85"),
		step(Record{Event: TCPRtx, Sock: 7, Args: [4]uint32{2, 5000, 1448}}, "tcp/output.go:190"),
		rx(21, TCPRTT, "tcp/ack.go:178", 250, 300, 100, 204000),
		rx(21, PacketLookup, "link/tap.go:87", 0x0800, 3, 1),
		step(Record{Event: SockError, Sock: 7, Args: [4]uint32{uint32(0x6f)}}, "inet/sock.go:201"),
		step(Record{Event: SockWake, Sock: 7, Args: [4]uint32{5}}, "inet/wait.go:138"),
		step(Record{Event: IPv4Route, Args: [4]uint32{peer, 0, 1, host}}, "ipv4/route.go:155"),
	)
}

func TestTheWayOfAPacketReadsAsPromised(t *testing.T) {
	for name, p := range map[string]*Printer{
		"walk.txt":     {},
		"walk-src.txt": {Source: true},
		"walk-dev.txt": {Device: func(int) string { return "tap0" }, Wall: func(at clock.Time) time.Time { return time.Unix(0, int64(at)).UTC() }},
	} {
		var b bytes.Buffer
		p.W = &b
		n, err := p.Print(aStory())
		require.NoError(t, err)
		require.Equal(t, 5, n)
		golden(t, name, b.String())
	}
}

// A packet that was shown goes on where it stopped, and what it caused is put
// under it.
func TestAWalkMayComeInPieces(t *testing.T) {
	var b bytes.Buffer
	p := &Printer{W: &b}
	story := aStory()
	for _, piece := range [][]Entry{story[:5], story[5:6], story[6:8], story[8:10]} {
		_, err := p.Print(piece)
		require.NoError(t, err)
	}
	golden(t, "walk-pieces.txt", b.String())
}

func TestEntriesCrossJSONUnchanged(t *testing.T) {
	var b strings.Builder
	for _, e := range aStory() {
		p, err := json.Marshal(e)
		require.NoError(t, err)
		b.Write(append(p, '\n'))
		var back Entry
		require.NoError(t, json.Unmarshal(p, &back))
		require.Equal(t, e, back)
	}
	golden(t, "walk.json", b.String())
}

// a world for explanations.
type world struct{}

func (world) Listening(proto uint8) []uint16 {
	if proto == 6 {
		return []uint16{7, 9, 19, 80}
	}
	return nil
}

func (world) SocketPeer(sock uint32) (netip.AddrPort, bool) {
	return netip.MustParseAddrPort("10.9.0.9:443"), sock == 9
}

func aBadDay() []Record {
	at := clock.Time(0)
	var recs []Record
	add := func(r Record) {
		at += 100 * ms
		r.Time = at
		recs = append(recs, r)
	}
	drop := func(id uint64, r skb.Reason, proto uint32, port uint16) {
		add(Record{Packet: id, If: 1, Event: StackDrop, Reason: r, Args: [4]uint32{peer, host, proto, 43210<<16 | uint32(port)}})
	}
	for id := range uint64(3) {
		drop(17+id, skb.NoSocket, 6, 81)
	}
	drop(20, skb.NoSocket, 6, 80)
	drop(21, skb.NoSocket, 17, 53)
	drop(22, skb.NoSocket, 1, 0)
	drop(23, skb.IPCsum, 0, 0)
	drop(24, skb.QueuePurge, 6, 80)
	drop(25, skb.SocketRcvBuff, 17, 7)
	drop(26, skb.IPForwardOff, 6, 80)
	drop(27, skb.IPNoProto, 47, 0)
	add(Record{Packet: 30, Dir: Sent, Event: StackDrop, Reason: skb.NeighFailed, Args: [4]uint32{host, peer + 6, 6, 1}})
	add(Record{Event: NeighFail, Args: [4]uint32{peer + 6, 3}})
	add(Record{Event: IPv4FragTimeout, Args: [4]uint32{peer, 4711, 1480, 2959}})
	drop(92, skb.FragReasmTimeout, 17, 0)
	drop(93, skb.FragReasmTimeout, 17, 0)
	add(Record{Event: IPv4FragTimeout, Args: [4]uint32{peer + 1, 4712, 1480, 0}})
	add(Record{Event: TCPState, Sock: 7, Args: [4]uint32{7, 2, peer, 40000<<16 | 99}})
	for range 2 {
		add(Record{Event: TCPRtx, Sock: 7, Args: [4]uint32{1, 5, 0}})
	}
	add(Record{Event: TCPRstRx, Sock: 7, Cause: 40, Args: [4]uint32{1}})
	add(Record{Event: TCPState, Sock: 7, Args: [4]uint32{2, 7, peer, 40000<<16 | 99}})
	add(Record{Event: TCPRtx, Sock: 9, Args: [4]uint32{2, 5, 1448}})
	add(Record{Event: TCPRtx, Sock: 9, Args: [4]uint32{4, 5, 1448}})
	add(Record{Event: TCPRtx, Sock: 9, Args: [4]uint32{5, 5, 1448}})
	add(Record{Event: TCPRstRx, Sock: 9, Cause: 41, Args: [4]uint32{1}})
	add(Record{Event: TCPState, Sock: 11, Args: [4]uint32{7, 2, peer, 40001<<16 | 99}})
	add(Record{Event: TCPRstRx, Sock: 11, Cause: 42, Args: [4]uint32{1}})
	add(Record{Event: TCPState, Sock: 11, Args: [4]uint32{2, 7, peer, 40001<<16 | 99}})
	add(Record{Event: TCPRstRx, Sock: 10, Args: [4]uint32{0}})
	add(Record{Event: TCPRstTx, Sock: 9, Args: [4]uint32{1}})
	add(Record{Event: TCPRstTx, Cause: 17})
	add(Record{Event: TCPUndo, Sock: 9, Args: [4]uint32{10}})
	add(Record{Event: IPv4PMTU, Args: [4]uint32{peer, 1400}})
	add(Record{Event: LinkTxFull, Args: [4]uint32{1, 1000}})
	add(Record{Event: StackPoolEmpty, Args: [4]uint32{2048}})
	return recs
}

func whyText(fs []Finding) string {
	var b strings.Builder
	for i := range fs {
		b.WriteString(fs[i].Line(func(at clock.Time) time.Time { return time.Unix(22930, int64(at)).UTC() }) + "\n")
	}
	return b.String()
}

func TestWhyExplainsWhatWentWrong(t *testing.T) {
	golden(t, "why.txt", whyText(Explain(aBadDay(), world{}, netip.Addr{})))
	golden(t, "why-peer.txt", whyText(Explain(aBadDay(), world{}, AddrOf(peer))))
	golden(t, "why-blind.txt", whyText(Explain(aBadDay()[:3], nil, netip.Addr{})))
	require.Empty(t, Explain(nil, nil, netip.Addr{}))
}

func TestASelectorKeepsWholeWays(t *testing.T) {
	keep := func(expr string) []string {
		f, err := ParseFilter(expr)
		require.NoError(t, err)
		var kept []string
		for _, e := range NewSelector(f).Keep(aStory()) {
			kept = append(kept, e.Event)
		}
		return kept
	}
	require.Len(t, keep(""), len(aStory()))
	require.Equal(t, []string{"tcp.state", "tcp.rtx", "socket.error", "socket.wake"}, keep("sock=7"))
	require.Equal(t, []string{"ipv4.rx", "udp.rx", "udp.lookup", "udp.deliver"}, keep("sock=4"))
	require.Equal(t, []string{"tcp.rtx"}, keep("why=RTO"))
	require.Equal(t, []string{"link.rx", "link.demux", "ipv4.rx", "tcp.rx", "tcp.lookup", "drop"}, keep("why=no_socket"))
	require.NotContains(t, keep("tcp"), "neigh.state", "an event of no packet and no socket in sight")
}
