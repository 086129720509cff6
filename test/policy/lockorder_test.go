package policy

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/slankdev/ministack/test/policy/lockorder"
	"github.com/stretchr/testify/require"
)

// row is locks of one place in the order.
type row struct{ locks, guards, held string }

// lockRows is the order: a lock may be taken only while locks of rows above its
// own are held. docs/design.md shows it.
var lockRows = []row{
	{"control.Conn.mu control.Server.mu control.framed.mu cmd/ministack.services.mu iperf3.Server.mu iperf3.test.mu iperf3.stream.mu", "what programs around the stack keep", "reading or writing a control connection"},
	{"clock.VirtualClock.run", "whoever drives the virtual clock", "an event runs, and all that it does"},
	{"dhcp.Client.mu", "a lease and its exchange", "a message is sent or read, addresses and routes change"},
	{"socket.openSockets.mu", "a stack's sockets", "a socket is entered or leaves"},
	{"inet.Memberships.mu", "which sockets are in a group of a device", "a change, with what it does to the device"},
	{"inet.Sock.user", "one user's call at a time", "the whole call, except when it sleeps"},
	{"inet.Sock.mu", "owned, backlog, deferred; the connection while a packet or timer is processed", "one packet"},
	{"tcp.Attempt.mu", "a connection attempt that the embedder decides on", "one segment, a decision"},
	{"tcp.waiting.mu", "TIME-WAIT entries", "an entry changes; never while sending"},
	{"tcp.ports.mu tcp.batch.mu tcp.fastOpenQueue.mu tcp.challengeLimit.mu tcp.metricsCache.mu tcp.forwards.mu udp.flowShard.mu", "their maps and counts", "an insert or removal"},
	{"tcp.demuxShard.mu tcp.listeners.mu tcp.forwarder.mu udp.table.mu udp.flowTable.mu raw.table.mu packet.Module.mu icmp.pingTable.mu tcp.metrics.Mutex", "who gets a packet; one peer's metrics", "an insert or removal; lookups take none, but for ping's"},
	{"igmp.Module.mu", "what IGMP knows of the devices", "a change of membership, a query; nothing is sent meanwhile"},
	{"ipv4.routes.mu", "the route table", "a change; lookups take none"},
	{"ipv4.reassembler.mu ipv4.pmtuCache.mu ipv4.groups.mu icmp.limits.mu", "their tables", "a lookup or a change"},
	{"arp.Module.mu", "the neighbour table", "a change; lookups take none"},
	{"arp.entry.mu", "state and hold queue", "a state change; never while sending"},
	{"bridge.Bridge.mu bridge.fdb.mu", "a bridge's ports; where addresses were heard", "a port comes or goes; a lookup"},
	{"netdev.Table.mu netdev.Device.mu netdev.watchers.mu link.Module.mu", "devices, their addresses and flags; handlers and taps", "a change; packets take none"},
	{"netdev.txQueue.mu", "the end of a sender that `close` waits for; frames are queued without a lock", "a wake-up"},
	{"netdev.direction.mu", "what an impaired link holds back", "frames pass on to the driver below"},
	{"netdev.lane.mu netdev.pollFD.mu netdev/wgtun.driver.mu drill.wire.mu", "a driver's own state; its descriptor against Close", "a read or a write"},
	{"inet.WaitQueue.mu inet.errQueue.mu", "sleepers and pollers of a socket; its error queue", "a wake-up; a push or a take"},
	{"socket.Poller.mu", "what epoll has to tell", "a callback of a wait queue"},
	{"sysctl.Registry.mu ministack.Seeded.mu", "names of settings; the generator of a seed", "a lookup; a draw"},
	{"trace.probe.mu trace.ring.mu", "who probes an event; the last events", "one event"},
	{"clock.RealClock.mu clock.VirtualClock.mu", "the wheel or the heap", "arming and stopping; never while a timer's function runs"},
}

// nested may be taken while another of its name is held.
var nested = map[string]string{
	"inet.Sock.user":      "a child's while its listener's is held, never the reverse",
	"inet.Sock.mu":        "a child's while its listener's is held, never the reverse",
	"netdev.direction.mu": "an impaired driver in another one",
	"dhcp.Client.mu":      "it is not: the client's socket does not block, so no event of the virtual clock runs in a read",
}

func lockRanks(rows []row) map[string]int {
	ranks := map[string]int{}
	for i, r := range rows {
		for _, l := range strings.Fields(r.locks) {
			ranks[l] = i
		}
	}
	return ranks
}

// offences are the nestings that the rows do not allow.
func offences(rows []row, nested map[string]string, found []lockorder.Nesting) (bad []string) {
	ranks := lockRanks(rows)
	for _, n := range found {
		if ranks[n.Held] >= ranks[n.Taken] && (n.Held != n.Taken || nested[n.Held] == "") {
			bad = append(bad, fmt.Sprintf("%s is taken while %s is held:\n    %s", n.Taken, n.Held, strings.Join(n.Way, "\n    ")))
		}
	}
	return bad
}

// The package lockorder says what this sees and what it does not. Examples are
// programs of others: what their handlers do is their affair.
func TestEveryLockIsTakenInOrder(t *testing.T) {
	p, err := lockorder.Load(root(t), "./cmd/...", "./netstack/...", "./netdev/...", "./resolver/...")
	require.NoError(t, err)
	placed := slices.Sorted(maps.Keys(lockRanks(lockRows)))
	require.Equal(t, p.Locks(), placed, "each lock has a place in the order, and each place a lock")
	found := p.Nestings()
	require.Greater(t, len(found), 100, "the analysis has gone blind")
	bad := offences(lockRows, nested, found)
	require.Empty(t, bad, "%s", strings.Join(bad, "\n"))
	for l := range nested {
		require.True(t, slices.ContainsFunc(found, func(n lockorder.Nesting) bool { return n.Held == l && n.Taken == l }), "%s needs no leave any more", l)
	}
}

func TestALockOutOfOrderIsAnOffence(t *testing.T) {
	rows := []row{{locks: "a b"}, {locks: "c"}}
	for _, c := range []struct {
		held, taken string
		bad         bool
	}{{"a", "c", false}, {"c", "a", true}, {"a", "b", true}, {"c", "c", true}, {"a", "a", false}} {
		got := offences(rows, map[string]string{"a": "for a reason"}, []lockorder.Nesting{{Held: c.held, Taken: c.taken}})
		require.Equal(t, c.bad, len(got) == 1, "%+v", c)
	}
}

// The table in docs/design.md is the order that the test above checks.
func TestLockOrderInTheDocsIsCurrent(t *testing.T) {
	const begin, end = "## Lock order\n", "\n## "
	path := filepath.Join(root(t), "docs", "design.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(text), begin)
	require.True(t, ok)
	table, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(head+begin+lockTable()+end+tail), 0o644))
		table = lockTable()
	}
	require.Equal(t, lockTable(), table, "run go test ./test/policy -update")
}

func lockTable() string {
	var b strings.Builder
	b.WriteString("\nA lock may be taken only while locks of rows above its own are held. The table is data of test/policy, where a test walks all\n" +
		"functions and looks (test/policy/lockorder).\n\n| order | lock | guards | held while |\n|---|---|---|---|\n")
	for i, r := range lockRows {
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s |\n", i, strings.Join(strings.Fields(r.locks), "` `"), r.guards, r.held)
	}
	b.WriteString("\nLocks of one name, of which one may be taken while another is held:\n\n")
	for _, l := range slices.Sorted(maps.Keys(nested)) {
		fmt.Fprintf(&b, "- `%s`: %s\n", l, nested[l])
	}
	return b.String()
}
