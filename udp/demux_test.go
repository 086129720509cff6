package udp

import (
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"

	"github.com/slankdev/ministack/inet"
	"github.com/stretchr/testify/require"
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// module returns one with a port table and no network.
func module() *Module {
	env := &inet.Env{Rand: rand.New(rand.NewPCG(1, 2))}
	m := &Module{env: env}
	m.table.key = env.Rand.Uint64()
	return m
}

// place enters a socket with the given identity.
func (m *Module) place(local, peer string, o inet.Options) *Sock {
	s := &Sock{m: m}
	s.Options = o
	id := &identity{local: at(local), device: o.Device, reuse: o.ReuseAddr, reusePort: o.ReusePort}
	if peer != "" {
		id.peer = at(peer)
	}
	s.id.Store(id)
	s.port = id.local.Port()
	m.table.add(s, s.port)
	return s
}

func TestTheMostSpecificSocketGetsTheDatagram(t *testing.T) {
	m := module()
	reuse := inet.Options{ReuseAddr: true}
	any := m.place("0.0.0.0:53", "", reuse)
	device := m.place("0.0.0.0:53", "", inet.Options{ReuseAddr: true, Device: 2})
	bound := m.place("10.0.0.1:53", "", reuse)
	peer := m.place("10.0.0.1:53", "10.0.0.2:1000", reuse)
	m.place("10.0.0.1:54", "", reuse)
	for _, c := range []struct {
		why         string
		local, from string
		device      int
		want        *Sock
	}{
		{"the peer's own socket", "10.0.0.1:53", "10.0.0.2:1000", 1, peer},
		{"another port of the peer", "10.0.0.1:53", "10.0.0.2:1001", 1, bound},
		{"bound to the address, by the other device", "10.0.0.1:53", "10.0.0.3:1", 2, bound},
		{"bound to the device", "10.0.0.9:53", "10.0.0.3:1", 2, device},
		{"bound to the port only", "10.0.0.9:53", "10.0.0.3:1", 1, any},
		{"nobody", "10.0.0.1:55", "10.0.0.2:1000", 1, nil},
	} {
		require.Same(t, c.want, m.table.lookup(at(c.local), at(c.from), c.device), c.why)
	}
	m.table.remove(peer)
	require.Same(t, bound, m.table.lookup(at("10.0.0.1:53"), at("10.0.0.2:1000"), 1))
}

func TestAmongEqualsTheLastBoundGetsAllUnlessTheyShareByPort(t *testing.T) {
	m := module()
	m.place("0.0.0.0:1", "", inet.Options{ReuseAddr: true})
	last := m.place("0.0.0.0:1", "", inet.Options{ReuseAddr: true})
	shares := map[*Sock]int{}
	for range 4 {
		shares[m.place("0.0.0.0:2", "", inet.Options{ReusePort: true})] = 0
	}
	const peers = 4000
	for i := range peers {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 40000)
		require.Same(t, last, m.table.lookup(at("10.0.0.1:1"), from, 1))
		s := m.table.lookup(at("10.0.0.1:2"), from, 1)
		require.Same(t, s, m.table.lookup(at("10.0.0.1:2"), from, 1), "a peer keeps its socket")
		shares[s]++
	}
	for _, n := range shares {
		require.InDelta(t, peers/4, n, peers/16)
	}
}

// bind(2), socket(7): what excludes what.
func TestBindConflicts(t *testing.T) {
	reuse, share := inet.Options{ReuseAddr: true}, inet.Options{ReusePort: true}
	for _, c := range []struct {
		why      string
		a, b     string
		ao, bo   inet.Options
		conflict bool
	}{
		{"the same address", "10.0.0.1:5", "10.0.0.1:5", inet.Options{}, inet.Options{}, true},
		{"any and one", "0.0.0.0:5", "10.0.0.1:5", inet.Options{}, inet.Options{}, true},
		{"one and any", "10.0.0.1:5", "0.0.0.0:5", inet.Options{}, inet.Options{}, true},
		{"two addresses", "10.0.0.1:5", "10.0.0.2:5", inet.Options{}, inet.Options{}, false},
		{"two ports", "10.0.0.1:5", "10.0.0.1:6", inet.Options{}, inet.Options{}, false},
		{"both reuse", "0.0.0.0:5", "0.0.0.0:5", reuse, reuse, false},
		{"the second alone reuses", "0.0.0.0:5", "0.0.0.0:5", inet.Options{}, reuse, true},
		{"both share", "0.0.0.0:5", "0.0.0.0:5", share, share, false},
		{"one reuses, one shares", "0.0.0.0:5", "0.0.0.0:5", reuse, share, true},
		{"two devices", "0.0.0.0:5", "0.0.0.0:5", inet.Options{Device: 1}, inet.Options{Device: 2}, false},
		{"a device and all", "0.0.0.0:5", "0.0.0.0:5", inet.Options{Device: 1}, inet.Options{}, true},
	} {
		m := module()
		m.place(c.a, "", c.ao)
		s := &Sock{m: m}
		s.Options = c.bo
		s.id.Store(&identity{})
		if err := m.bind(s, at(c.b)); c.conflict {
			require.Equal(t, syscall.EADDRINUSE, err, c.why)
		} else {
			require.NoError(t, err, c.why)
		}
	}
}
