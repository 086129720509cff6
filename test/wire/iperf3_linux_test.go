package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/slankdev/ministack/iperf3"
	"github.com/stretchr/testify/require"
)

// The real client against our server.

// serveIperf3 starts the server on port 5201.
func (w *wire) serveIperf3() {
	v, err := iperf3.Listen(w.stack, 5201)
	require.NoError(w.t, err)
	served := make(chan struct{})
	go func() { v.Serve(); close(served) }()
	w.t.Cleanup(func() {
		v.Close()
		<-served
	})
}

// measured is what is looked at in what the client prints with -J.
type measured struct {
	Start struct {
		Connected []struct{ Socket int } `json:"connected"`
		MSS       int                    `json:"tcp_mss"`
	} `json:"start"`
	Intervals []struct {
		Streams []struct {
			Bytes   int64
			Omitted bool
		}
	} `json:"intervals"`
	End struct {
		Streams     []map[string]sum
		SumSent     sum    `json:"sum_sent"`
		SumReceived sum    `json:"sum_received"`
		SumBack     sum    `json:"sum_received_bidir_reverse"`
		Sum         sum    `json:"sum"` // of datagrams
		Sender      string `json:"sender_tcp_congestion"`
		Receiver    string `json:"receiver_tcp_congestion"`
		CPU         struct {
			RemoteTotal float64 `json:"remote_total"`
		} `json:"cpu_utilization_percent"`
	} `json:"end"`
	Output string `json:"server_output_text"`
	Error  string `json:"error"`
}

type sum struct {
	Bytes       int64
	Seconds     float64
	Retransmits *int64
	Packets     int64
	Lost        int64   `json:"lost_packets"`
	Jitter      float64 `json:"jitter_ms"`
}

// iperf3 runs a client with -J.
func (w *wire) iperf3(args string) measured {
	w.t.Helper()
	out := w.must(40*time.Second, "iperf3", strings.Fields("-J -c "+stackIP+" "+args)...)
	if i := strings.Index(out, "{"); i >= 0 {
		out = out[i:] // warnings come before
	}
	var m measured
	require.NoError(w.t, json.Unmarshal([]byte(out), &m), out)
	require.Empty(w.t, m.Error)
	return m
}

func TestIperf3MeasuresOnEveryLink(t *testing.T) {
	need(t, "iperf3")
	onEveryLink(t, func(w *wire) {
		w.serveIperf3()
		for _, args := range []string{"-n 20M", "-n 20M -R", "-n 20M -P 8 -R"} {
			m := w.iperf3(args)
			require.Positive(w.t, m.End.SumReceived.Bytes, args)
			require.LessOrEqual(w.t, m.End.SumReceived.Bytes, m.End.SumSent.Bytes, args)
			require.NotNil(w.t, m.End.SumSent.Retransmits, args)
			require.Equal(w.t, "cubic", map[bool]string{true: m.End.Sender, false: m.End.Receiver}[strings.Contains(args, "-R")])
		}
		m := w.iperf3("-t 1 --bidir")
		require.Positive(w.t, m.End.SumReceived.Bytes)
		require.Positive(w.t, m.End.SumBack.Bytes)
		m = w.iperf3("-u -n 100K -b 10M")
		require.Equal(w.t, m.End.SumReceived.Packets, m.End.Sum.Packets)
		m = w.iperf3("-u -R -n 100K -b 10M -l 1000")
		require.GreaterOrEqual(w.t, m.End.Sum.Bytes, int64(100<<10))
	})
}

// options are what people add to a test; each has to end as it should.
var iperf3Options = []string{"-t 1", "-t 1 -R", "-t 1 --bidir", "-t 1 -P 64", "-t 1 -P 64 -R", "-k 100", "-k 100 -R", "-n 1M -l 100", "-n 1M -l 100 -R",
	"-n 1M -w 64K", "-n 1M -w 64K -R", "-n 1M -M 1000", "-n 1M -M 1000 -R", "-n 1M -N", "-n 1M -C cubic", "-n 1M -C reno -R", "-t 1 -b 20M", "-t 1 -b 20M/10 -R",
	"-t 1 --fq-rate 20M -R", "-n 1M -S 0x10 -R", "-n 1M -Z", "-n 1M -Z -R", "-n 1M --repeating-payload -R", "-t 1 -O 1", "-t 1 -O 1 -R", "-t 1 -i 0.2",
	"-u -t 1", "-u -t 1 -R", "-u -t 1 --bidir", "-u -t 1 -P 8 -b 5M", "-u -t 1 -P 64 -b 1M -R", "-u -t 1 --udp-counters-64bit", "-u -t 1 --udp-counters-64bit -R",
	"-u -k 10", "-u -k 10 -R", "-u -t 1 -O 1 -R", "-u -n 200K -l 20000 -b 10M", "-u -n 200K -l 20000 -b 10M -R", "-u -t 1 --dont-fragment -w 100K", "-u -t 1 -b 0"}

func TestIperf3HasItsOptions(t *testing.T) {
	need(t, "iperf3")
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	w := newWire(t, kinds(t)[len(kinds(t))-1])
	w.serveIperf3()
	for _, args := range iperf3Options {
		m := w.iperf3(args)
		require.Positive(t, m.End.SumReceived.Bytes+m.End.Sum.Bytes, args)
	}
}

func TestIperf3SeesWhatTheServerDid(t *testing.T) {
	need(t, "iperf3")
	w := newWire(t, kinds(t)[0])
	w.serveIperf3()
	m := w.iperf3("-t 1 -b 8M -P 2 --get-server-output -C reno -M 1000 -R")
	require.InEpsilon(t, 2e6, m.End.SumReceived.Bytes, 0.2, "two streams of 8 Mbit/s")
	require.Equal(t, "reno", m.End.Sender)
	require.Contains(t, m.Output, "[SUM]   0.00-1.0")
	require.Contains(t, m.Output, "sender\n")
	require.Positive(t, m.End.CPU.RemoteTotal)
	m = w.iperf3("-k 10 -l 1000 -R")
	require.Equal(t, int64(10000), m.End.SumSent.Bytes)
	// The client counts each of its reads as a block, those of the pieces of one, too.
	require.Positive(t, m.End.SumReceived.Bytes)
	require.LessOrEqual(t, m.End.SumReceived.Bytes, int64(10000))
	m = w.iperf3("-t 1 -O 1 -u -b 1M -l 500 -R")
	require.InEpsilon(t, 250, m.End.Sum.Packets, 0.2, "those of the omitted second do not count")
	require.Zero(t, m.End.Sum.Lost)
	out := w.must(20*time.Second, "iperf3", "-V", "-c", stackIP, "-n", "1M")
	require.Contains(t, out, "rcv_tcp_congestion cubic")
	require.Contains(t, out, "remote/receiver")
}

func TestIperf3IsToldThatTheServerIsBusy(t *testing.T) {
	need(t, "iperf3")
	w := newWire(t, kinds(t)[0])
	w.serveIperf3()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := exec.CommandContext(ctx, "iperf3", "-c", stackIP, "-t", "20", "--bidir", "-P", "4")
	require.NoError(t, first.Start())
	require.Eventually(t, func() bool {
		out, _ := w.run(10*time.Second, "iperf3", "-c", stackIP, "-n", "1K")
		return strings.Contains(out, "the server is busy running a test")
	}, 10*time.Second, 10*time.Millisecond)
	cancel() // kills it in the middle of its test
	require.Error(t, first.Wait())
	require.Contains(t, w.must(10*time.Second, "iperf3", "-c", stackIP, "-n", "1M"), "iperf Done")
}

func TestIperf3TellsWhyATestIsRefused(t *testing.T) {
	need(t, "iperf3")
	w := newWire(t, kinds(t)[0])
	w.serveIperf3()
	taken, err := w.stack.ListenPacket("udp", fmt.Sprintf("%s:5201", stackIP))
	require.NoError(t, err)
	out, err := w.run(10*time.Second, "iperf3", "-u", "-c", stackIP, "-t", "1")
	require.Error(t, err)
	require.Contains(t, out, "unable to start stream listener: Address already in use")
	require.NoError(t, taken.Close())
	w.must(10*time.Second, "iperf3", "-u", "-c", stackIP, "-t", "1")
}
