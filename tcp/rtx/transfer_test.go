package rtx

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/tcp/cc"
)

var update = flag.Bool("update", false, "write the snapshots in testdata anew")

// reference is the path of the figures below: 100 Mbit/s, 40 ms, 500 packets
// of queue, 8 MB.
func reference() transfer {
	return transfer{
		path:   path{rate: 100e6, rtt: 40 * time.Millisecond, queue: 500},
		octets: 8e6,
		cfg:    Config{SACK: true, Timestamps: true},
		gso:    16,
	}
}

// firstLoss drops the first transmission of segments [from, to).
func firstLoss(from, to int) func(int, Range) bool {
	seen := make(map[int]bool)
	return func(_ int, r Range) bool {
		i := r.Start.Sub(simStart) / r.MSS
		first := !seen[i]
		seen[i] = true
		return first && i >= from && i < to
	}
}

func randomLoss(seed int64, p float64) func(int, Range) bool {
	rnd := rand.New(rand.NewSource(seed))
	return func(int, Range) bool { return rnd.Float64() < p }
}

func randomDelay(seed int64, p float64, d time.Duration) func(int, Range) time.Duration {
	rnd := rand.New(rand.NewSource(seed))
	return func(int, Range) time.Duration {
		if rnd.Float64() < p {
			return d
		}
		return 0
	}
}

// scenario is a transfer with what must come of it.
type scenario struct {
	name     string
	change   func(*transfer)
	atMost   time.Duration // Linux's median on the same path
	timeouts int
	check    func(*testing.T, *sim)
}

var scenarios = []scenario{
	{name: "no-loss", atMost: 900 * time.Millisecond, change: func(*transfer) {},
		check: func(t *testing.T, m *sim) { require.Zero(t, m.s.Info(m.now).RetransTotal) }},
	{name: "burst-20-lost", atMost: 900 * time.Millisecond,
		change: func(t *transfer) { t.drop = firstLoss(1000, 1020) }, check: retransmitsOnly(20)},
	{name: "burst-100-lost", atMost: 920 * time.Millisecond,
		change: func(t *transfer) { t.drop = firstLoss(1000, 1100) }, check: retransmitsOnly(100)},
	{name: "burst-150-lost-early", atMost: 1100 * time.Millisecond,
		change: func(t *transfer) { t.drop = firstLoss(350, 500) }, check: retransmitsOnly(150)},
	{name: "reordered-2-percent", atMost: 900 * time.Millisecond,
		change: func(t *transfer) { t.late = randomDelay(1, 0.02, 8*time.Millisecond) }},
	{name: "tail-lost", atMost: 420 * time.Millisecond,
		change: func(t *transfer) { t.octets = 256 << 10; t.drop = firstLoss(178, 182) }, check: retransmitsOnly(4)},
	{name: "random-1-percent", atMost: 26 * time.Second,
		change: func(t *transfer) { t.drop = randomLoss(1, 0.01) }},
	{name: "random-1-percent-reno", atMost: 40 * time.Second,
		change: func(t *transfer) { t.drop = randomLoss(1, 0.01); t.cfg.Algorithm = cc.NewReno() }},
	{name: "newreno-without-sack", atMost: 1500 * time.Millisecond,
		change: func(t *transfer) {
			t.cfg.SACK, t.cfg.Algorithm = false, cc.NewReno()
			t.drop, t.queue = firstLoss(1000, 1005), 5000
		}, check: retransmitsOnly(5)},
	{name: "queue-overflow", atMost: 1500 * time.Millisecond,
		change: func(t *transfer) { t.queue = 50 }},
}

// retransmitsOnly checks that exactly what was lost was sent twice.
func retransmitsOnly(n int) func(*testing.T, *sim) {
	return func(t *testing.T, m *sim) {
		require.Equal(t, n, m.dropped)
		require.EqualValues(t, n, m.s.Info(m.now).RetransTotal)
	}
}

// The figures for Linux on the same path are medians; each run here is the
// same every time, and the window of every round is kept in testdata, so that
// a change of behaviour shows in review.
func TestTransfers(t *testing.T) {
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			tr := reference()
			sc.change(&tr)
			m := newSim(tr)
			took := m.run()
			require.Positive(t, took, "the transfer hangs")
			require.Equal(t, m.end, m.rcv.nxt, "the receiver has everything")
			require.LessOrEqual(t, took, sc.atMost)
			require.Equal(t, sc.timeouts, m.timeouts, "timeouts")
			if sc.check != nil {
				sc.check(t, m)
			}
			snapshot(t, sc.name, m, took)
		})
	}
}

func snapshot(t *testing.T, name string, m *sim, took time.Duration) {
	t.Helper()
	i := m.s.Info(m.now)
	got := fmt.Sprintf("%d octets in %.3f s, %d retransmitted of %d dropped, %d timeouts, %d undone, reordering %d\n",
		m.octets, took.Seconds(), i.RetransTotal, m.dropped, m.timeouts, m.undos, i.Reordering)
	got += m.rounds.String()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got, "run with -update if the change is meant")
}

// RFC 8985: reordering by 8 ms within a round trip of 40 ms costs at most half
// as much time again, whatever the seed.
func TestReorderingIsNotMistakenForLoss(t *testing.T) {
	base := newSim(reference()).run()
	for seed := range int64(8) {
		tr := reference()
		tr.late = randomDelay(seed, 0.02, 8*time.Millisecond)
		m := newSim(tr)
		took := m.run()
		require.Positive(t, took)
		require.LessOrEqual(t, took.Seconds(), 1.5*base.Seconds(), "seed %d", seed)
		require.Less(t, m.s.Info(m.now).RetransTotal, uint32(300), "seed %d", seed)
	}
}

// Random loss and reordering together, SACK or not, with delays: everything
// arrives, and few timeouts are needed.
func TestEverythingArrivesUnderRandomLossAndReordering(t *testing.T) {
	for seed := range int64(12) {
		tr := reference()
		tr.octets = 1e6
		tr.cfg.SACK = seed%3 != 0
		tr.cfg.Timestamps = seed%2 == 0
		tr.drop = randomLoss(seed, 0.03)
		tr.late = randomDelay(seed+100, 0.03, 15*time.Millisecond)
		m := newSim(tr)
		m.onAck = func(m *sim) { checkInvariants(t, &m.s) }
		m.onTime = func(m *sim, _ Timer) { checkInvariants(t, &m.s) }
		require.Positive(t, m.run(), "seed %d hangs", seed)
		require.Equal(t, m.end, m.rcv.nxt)
	}
}

// RFC 5682: the path pauses for longer than the RTO. The timeout is recognized
// as spurious and the window restored, with and without timestamps.
func TestSpuriousTimeoutOfAPausingPathIsUndone(t *testing.T) {
	for _, ts := range []bool{true, false} {
		tr := reference()
		tr.cfg.Timestamps = ts
		tr.queue = 1000
		tr.pause = [2]time.Duration{300 * time.Millisecond, 900 * time.Millisecond}
		m := newSim(tr)
		took := m.run()
		require.Equal(t, 1, m.timeouts)
		require.Equal(t, 1, m.undos)
		require.Less(t, took, 1700*time.Millisecond)
		require.EqualValues(t, 1, m.s.Info(m.now).RetransTotal)
		snapshot(t, fmt.Sprintf("spurious-rto-timestamps-%v", ts), m, took)
	}
}
