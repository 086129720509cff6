package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/trace"
)

func ok(t *testing.T, in string, args ...string) string {
	t.Helper()
	r := command(t, in, args...)
	require.Zero(t, r.code, "%s: %s%s", strings.Join(args, " "), r.out, r.err)
	return r.out
}

const anyMAC = `([0-9a-f]{2}:){5}[0-9a-f]{2}`

func TestAddressesAreShownAndChangedAsIPDoes(t *testing.T) {
	running(t)
	before := steady(ok(t, "", "addr"), `link/ether `+anyMAC, "link/ether MAC")
	golden(t, "addr.txt", before)
	ok(t, "", "addr", "add", "192.0.2.1/24", "dev", "eth0")
	require.Contains(t, ok(t, "", "addr", "show", "dev", "eth0"), "    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0\n")
	ok(t, "", "addr", "replace", "192.0.2.1/24", "dev", "eth0")
	ok(t, "", "addr", "del", "192.0.2.1/24", "dev", "eth0")
	require.Equal(t, before, steady(ok(t, "", "addr"), `link/ether `+anyMAC, "link/ether MAC"))
	var links []control.Link
	require.NoError(t, json.Unmarshal([]byte(ok(t, "", "addr", "-j")), &links))
	require.Equal(t, netip.MustParsePrefix("10.9.0.1/24"), links[1].Addrs[0])
	ok(t, "", "addr", "flush", "dev", "eth0")
	require.NotContains(t, ok(t, "", "addr", "-s", "show", "eth0"), "inet ")
}

func TestRoutesAreShownAndChangedAsIPDoes(t *testing.T) {
	running(t)
	ok(t, "", "route", "add", "default", "via", "10.9.0.2")
	ok(t, "", "route", "add", "192.0.2.0/24", "via", "10.9.0.7", "metric", "10", "src", "10.9.0.1")
	ok(t, "", "route", "add", "192.0.2.9", "dev", "eth0")
	golden(t, "route.txt", ok(t, "", "route"))
	ok(t, "", "route", "replace", "default", "via", "10.9.0.9")
	require.Contains(t, ok(t, "", "route"), "default via 10.9.0.9 dev eth0\n")
	ok(t, "", "route", "del", "192.0.2.9")
	ok(t, "", "route", "flush", "dev", "eth0")
	require.Equal(t, "10.9.0.0/24 dev eth0 proto kernel scope link src 10.9.0.1\n", ok(t, "", "route", "show", "dev", "eth0"))
	require.True(t, json.Valid([]byte(ok(t, "", "route", "-j"))))
}

func TestNeighboursAreShownAndChangedAsIPDoes(t *testing.T) {
	running(t)
	ok(t, "", "neigh", "add", "10.9.0.7", "lladdr", "02:00:00:00:00:07", "dev", "eth0")
	require.Equal(t, "10.9.0.7 dev eth0 lladdr 02:00:00:00:00:07 PERMANENT\n", ok(t, "", "neigh"))
	ok(t, "", "neigh", "replace", "10.9.0.7", "lladdr", "02:00:00:00:00:08", "dev", "eth0")
	require.Contains(t, ok(t, "", "neigh", "-s"), "lladdr 02:00:00:00:00:08 used ")
	ok(t, "", "neigh", "flush")
	ok(t, "", "neigh", "del", "10.9.0.7", "dev", "eth0")
	require.Equal(t, "[]\n", ok(t, "", "neigh", "-j"))
}

func TestSettingsAreShownAndChangedAsSysctlDoes(t *testing.T) {
	running(t)
	require.Equal(t, "net.ipv4.ip_forward = 0\n", ok(t, "", "sysctl", "net.ipv4.ip_forward"))
	require.Equal(t, "net.ipv4.ip_forward = 1\n", ok(t, "", "sysctl", "-w", "net.ipv4.ip_forward=1"))
	require.Equal(t, "1\n", ok(t, "", "sysctl", "-n", "net.ipv4.ip_forward"))
	all := ok(t, "", "sysctl", "-a")
	require.Contains(t, all, "net.ipv4.tcp_sack = 1\n")
	require.Equal(t, all, ok(t, "", "sysctl", "--all"))
}

func TestPingReportsAsPingDoes(t *testing.T) {
	running(t)
	out := ok(t, "", "ping", "-c", "2", "-i", "0.01", "10.9.0.2")
	golden(t, "ping.txt", steady(out, `time=[\d.]+ ms`, "time=T ms", `time \d+ms`, "time Tms", `= [\d./]+ ms`, "= R ms"))
	out = ok(t, "", "ping", "-q", "-c", "1", "-s", "20000", "-t", "7", "-I", "10.9.0.1", "-D", "10.9.0.2")
	require.NotContains(t, out, "bytes from")
	require.Contains(t, out, "1 packets transmitted, 1 received, 0% packet loss")

	r := command(t, "", "ping", "-c", "1", "-W", "0.01", "10.9.0.200")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, "1 packets transmitted, 0 received, 100% packet loss")
	r = command(t, "", "ping", "-c", "1", "192.0.2.1", "-W", "0.01")
	require.Equal(t, 1, r.code)
	require.Equal(t, "ping: sendmsg: Network is unreachable\n", r.err)
	require.Contains(t, r.out, ", +1 errors,")
}

func TestMillisecondsHaveThreeDigitsThatCount(t *testing.T) {
	for d, want := range map[time.Duration]string{45 * time.Microsecond: "0.045", 1250 * time.Microsecond: "1.25",
		12500 * time.Microsecond: "12.5", 125 * time.Millisecond: "125", 999600: "1.00", 9996 * time.Microsecond: "10.0"} {
		require.Equal(t, want, milliseconds(d))
	}
}

func echoOn(t *testing.T, s *ministack.Stack) {
	services, err := startServices(s, []serviceSpec{{kind: "echo", port: 7}, {kind: "discard", port: 9}, {kind: "chargen", port: 19}})
	require.NoError(t, err)
	t.Cleanup(func() { services.Close(background) })
}

func TestNCSpeaksWithTheSmallServices(t *testing.T) {
	_, beta := running(t)
	echoOn(t, beta)
	require.Equal(t, "hello\n", ok(t, "hello\n", "nc", "-N", "10.9.0.2", "7"))
	big := strings.Repeat("0123456789abcdef", 20000)
	require.Equal(t, big, ok(t, big, "nc", "-N", "10.9.0.2", "7"))
	require.Empty(t, ok(t, big, "nc", "-N", "10.9.0.2", "9"))
	require.Equal(t, "datagram", ok(t, "datagram", "nc", "-u", "-w", "0.5", "10.9.0.2", "7"))
	require.Contains(t, ok(t, "x", "nc", "-u", "-w", "0.5", "10.9.0.2", "19"), " !\"#$%&'()*+,-./0123456789")
}

func TestAPortIsServedOnce(t *testing.T) {
	_, beta := running(t)
	echo := serviceSpec{kind: "echo", port: 7}
	_, err := startServices(beta, []serviceSpec{echo, echo})
	require.EqualError(t, err, "cannot serve echo on port 7 of the stack: listen tcp 0.0.0.0:7: listen: address already in use")
	require.Contains(t, explain(err), "another --serve has the port")
	echoOn(t, beta) // what had been started was stopped again
}

func TestIperf3IsServed(t *testing.T) {
	_, beta := running(t)
	services, err := startServices(beta, []serviceSpec{{kind: "iperf3", port: 5201}})
	require.NoError(t, err)
	// A client's cookie; the answer is that it may send its parameters.
	require.True(t, strings.HasPrefix(ok(t, strings.Repeat("a", 36)+"\x00", "nc", "-N", "10.9.0.2", "5201"), "\t"))
	services.Close(background)
	require.Equal(t, 1, command(t, "", "nc", "-z", "10.9.0.2", "5201").code)
}

func TestNCScansPorts(t *testing.T) {
	_, beta := running(t)
	echoOn(t, beta)
	r := command(t, "", "nc", "-zv", "10.9.0.2", "7-9")
	require.Zero(t, r.code)
	golden(t, "scan.txt", r.err)
	require.Equal(t, 1, command(t, "", "nc", "-z", "10.9.0.2", "81").code)
	require.Zero(t, command(t, "", "nc", "-zu", "-w", "0.1", "10.9.0.2", "7").code)
	require.Equal(t, 1, command(t, "", "nc", "-zu", "10.9.0.2", "81").code)
}

func TestNCListens(t *testing.T) {
	_, beta := running(t)
	results := make(chan result, 1)
	go func() { results <- command(t, "answer", "nc", "-l", "-v", "7000") }()
	var conn net.Conn
	require.Eventually(t, func() (ok bool) {
		var err error
		conn, err = beta.Dial("tcp", "10.9.0.1:7000")
		return err == nil
	}, 10*time.Second, time.Millisecond)
	buf := make([]byte, 6)
	_, err := io.ReadFull(conn, buf)
	require.NoError(t, err)
	require.Equal(t, "answer", string(buf))
	_, err = conn.Write([]byte("question"))
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	r := <-results
	require.Zero(t, r.code)
	require.Equal(t, "question", r.out)
	require.Contains(t, r.err, "Listening on 0.0.0.0:7000\nConnection received on 10.9.0.1:7000 from 10.9.0.2:")
}

func TestGetFetchesAsCurlDoes(t *testing.T) {
	_, beta := running(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "page.txt"), []byte("the page\n"), 0o644))
	l, err := beta.Listen("tcp", ":80")
	require.NoError(t, err)
	web := serveFiles(l, dir)
	defer web.close(background)
	require.Equal(t, "the page\n", ok(t, "", "get", "http://10.9.0.2/page.txt"))
	require.Equal(t, "the page\n", ok(t, "", "get", "10.9.0.2/page.txt"))
	file := filepath.Join(t.TempDir(), "out")
	require.Empty(t, ok(t, "", "get", "-o", file, "http://10.9.0.2/page.txt"))
	saved, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "the page\n", string(saved))
	head := ok(t, "", "get", "-I", "http://10.9.0.2/page.txt")
	require.True(t, strings.HasPrefix(head, "HTTP/1.1 200 OK\n"))
	require.Contains(t, head, "Content-Length: 9\n")
	r := command(t, "", "get", "-v", "-f", "http://10.9.0.2/nothing")
	require.Equal(t, 22, r.code)
	require.Contains(t, r.err, "> GET /nothing HTTP/1.1\n> Host: 10.9.0.2\n")
	require.Contains(t, r.err, "< HTTP/1.1 404 Not Found\n")
	require.Equal(t, 7, command(t, "", "get", "-s", "http://10.9.0.2:81/").code)
}

func TestGetSendsData(t *testing.T) {
	_, beta := running(t)
	l, err := beta.Listen("tcp", ":80")
	require.NoError(t, err)
	web := serveHTTP(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, r.Method+" "+r.Header.Get("X-Word")+" "+string(body))
	}))
	defer web.close(background)
	require.Equal(t, "POST  from the pipe", ok(t, "from the pipe", "get", "-d", "-", "http://10.9.0.2/"))
	require.Equal(t, "PUT yes data", ok(t, "", "get", "-X", "PUT", "-H", "X-Word: yes", "-d", "data", "http://10.9.0.2/"))
}

func TestSocketsAreShownAsSSDoes(t *testing.T) {
	alpha, beta := running(t)
	echoOn(t, beta)
	l, err := alpha.Listen("tcp", ":80")
	require.NoError(t, err)
	defer l.Close()
	c, err := alpha.DialFrom(background, "tcp", ":40000", "10.9.0.2:7")
	require.NoError(t, err)
	defer c.Close()
	u, err := alpha.ListenPacket("udp", ":53")
	require.NoError(t, err)
	defer u.Close()
	golden(t, "ss.txt", ok(t, "", "ss", "-a"))
	require.Equal(t, "State Recv-Q Send-Q Local          Peer\nESTAB 0      0      10.9.0.1:40000 10.9.0.2:7 #2\n", ok(t, "", "ss", "-tn"))
	require.Equal(t, "LISTEN 0 4096 0.0.0.0:80 *:* #1\n", ok(t, "", "ss", "-tlH"))
	info := ok(t, "", "ss", "-tinem")
	require.Regexp(t, `(?m)^  cubic ts sack wscale:\d+,\d+ rto:\d+ rtt:[\d.]+/[\d.]+ (ato:\d+ )?mss:1448 cwnd:10`, info)
	require.Contains(t, info, "  skmem:(r0,rb")
	require.Contains(t, info, "  ca:open rcvmss:")
	var socks []control.Socket
	require.NoError(t, json.Unmarshal([]byte(ok(t, "", "ss", "-uaj")), &socks))
	require.Len(t, socks, 1)
	r, err := alpha.ListenPacket("ip4:icmp", "10.9.0.1")
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, "UNCONN 0 0 10.9.0.1:1 *:* #4\n", ok(t, "", "ss", "-waH"), "the local port is the protocol")
	require.Equal(t, 3, strings.Count(ok(t, "", "ss", "-uwaH")+ok(t, "", "ss", "-wtlH"), "UNCONN"))
}

// The mock-up of the design, from a connection that has suffered.
func TestTheInfoLineOfAConnectionThatLostSegments(t *testing.T) {
	i := &control.TCPInfo{Congestion: "cubic", WScale: true, SndWScale: 7, RcvWScale: 7, RTO: 204 * time.Millisecond,
		RTT: 250 * time.Microsecond, RTTVar: 270 * time.Microsecond, MSS: 1448, Cwnd: 20, Ssthresh: 14, InFlight: 10,
		TotalRetrans: 9, FastRetrans: 7, TLPProbes: 1, Timeouts: 1, Lost: 2, DeliveryRate: 1250000}
	require.Equal(t, "cubic wscale:7,7 rto:204 rtt:0.25/0.27 mss:1448 cwnd:20 ssthresh:14 inflight:10 delivery:10.0Mbps", infoLine(i))
	require.Equal(t, "rtx:9 (fast 7, tlp 1, rto 1) lost:2", lossLine(i))
}

func TestCountersAreShownAsNstatDoes(t *testing.T) {
	running(t)
	ok(t, "", "ping", "-c", "1", "10.9.0.2")
	out := ok(t, "", "stats", "Icmp*")
	require.Contains(t, out, "IcmpOutEchos                     1\n")
	require.NotContains(t, out, "IpInReceives")
	require.NotContains(t, ok(t, "", "stats"), "TcpOutRsts")
	require.Contains(t, ok(t, "", "stats", "-z"), "TcpOutRsts                       0\n")
	require.Contains(t, ok(t, "", "stats", "-s"), "Device RX-pkts")
	require.True(t, json.Valid([]byte(ok(t, "", "stats", "-j"))))
}

func TestTraceAndWhyTellOfARefusal(t *testing.T) {
	_, beta := running(t)
	go func() { // knocks until the trace has seen enough
		for t.Context().Err() == nil {
			c, err := beta.Dial("tcp", "10.9.0.1:81")
			if err == nil {
				c.Close()
			}
			time.Sleep(10 * time.Millisecond)
			if errors.Is(err, net.ErrClosed) {
				return
			}
		}
	}()
	r := command(t, "", "trace", "--src", "-c", "2", "tcp", "port", "81")
	require.Zero(t, r.code, r.err)
	require.Equal(t, "2 packets, 0 events lost by the trace\n", r.err)
	require.Regexp(t, `(?m)^pkt \d+ rx 10\.9\.0\.2:\d+ > 10\.9\.0\.1:81 \[S\] seq \d+$`, r.out)
	require.Regexp(t, `(?m)^  \+[\d.]+ +drop +NO_SOCKET +tcp/input\.go:\d+ +RFC 9293 3\.10\.7\.1$`, r.out)
	require.Regexp(t, `(?m)^pkt \d+ tx 10\.9\.0\.1:81 > 10\.9\.0\.2:\d+ \[R\.\] seq 0 cause=pkt \d+ NO_SOCKET$`, r.out)
	require.Regexp(t, `^\d\d:\d\d:\d\d\.\d pkt \d+ +tcp +NO_SOCKET +x\d+ +nothing listens on :81\n$`, ok(t, "", "why", "10.9.0.2"))
	require.Equal(t, "nothing went wrong that the stack remembers\n", ok(t, "", "why", "10.9.0.3"))
	require.True(t, json.Valid([]byte(ok(t, "", "why", "-j"))))

	r = command(t, "", "trace", "--json", "-c", "1", "ev=drop")
	require.Zero(t, r.code, r.err)
	for _, line := range strings.Split(strings.TrimSpace(r.out), "\n") {
		var e trace.Entry
		require.NoError(t, json.Unmarshal([]byte(line), &e))
		require.Equal(t, "drop", e.Event)
		require.Equal(t, "NO_SOCKET", e.Reason)
	}
	require.Contains(t, ok(t, "", "trace", "--flight"), "NO_SOCKET")
}
