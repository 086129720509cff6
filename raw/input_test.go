package raw_test

import (
	"syscall"
	"testing"

	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// B8: four fields match, unset ones anything, and all that match get a copy;
// B7: the protocol acts as well.
func TestSocketsMatchByFourFields(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	want := map[string]bool{}
	socks := map[string]*socket.Socket{}
	for name, c := range map[string]struct {
		protocol int
		prepare  func(k *socket.Socket) error
		gets     bool
	}{
		"all":            {1, func(*socket.Socket) error { return nil }, true},
		"other protocol": {253, func(*socket.Socket) error { return nil }, false},
		"peer":           {1, func(k *socket.Socket) error { return k.Connect(peer) }, true},
		"other peer":     {1, func(k *socket.Socket) error { return k.Connect(at("10.0.0.8")) }, false},
		"local":          {1, func(k *socket.Socket) error { return k.Bind(at("10.0.0.1")) }, true},
		"other local":    {1, func(k *socket.Socket) error { return k.Bind(at("127.0.0.1")) }, false},
		"device": {1, func(k *socket.Socket) error {
			return k.SetsockoptString(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, "eth0")
		}, true},
		"other device": {1, func(k *socket.Socket) error {
			return k.SetsockoptString(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, "lo")
		}, false},
	} {
		socks[name], want[name] = open(t, p.S, c.protocol), c.gets
		require.NoError(t, c.prepare(socks[name]), name)
	}
	p.SendRaw(echo(p, p.IPv4(1)))
	for name, k := range socks {
		got, err := read(k)
		if !want[name] {
			require.Equal(t, syscall.EAGAIN, err, name)
			continue
		}
		require.NoError(t, err, name)
		require.Len(t, got, 32, name)
	}
	require.EqualValues(t, 0, icmpOf(p.One()).TypeCode.Type())
}

// B9: who listens suppresses protocol unreachable, until he is gone.
func TestAListenerSuppressesProtocolUnreachable(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	k := open(t, p.S, 253)
	p.SendRaw(echo(p, p.IPv4(253)))
	p.Silent()
	require.NoError(t, k.Close())
	p.SendRaw(echo(p, p.IPv4(253)))
	m := p.One()
	require.EqualValues(t, 0x0302, icmpOf(m).TypeCode)
	require.EqualValues(t, 0xc0, ipOf(m).TOS)
}

// B14: what finds the buffer full is dropped and counted, and the user is not
// told.
func TestAFullBufferDropsAndCounts(t *testing.T) {
	p := world.NewPeer(t)
	p.Introduce()
	k := open(t, p.S, 253)
	set(t, k, socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
	for range 20 {
		p.SendRaw(echo(p, p.IPv4(253)))
	}
	p.Take()
	got := 0
	for {
		_, err := read(k)
		if err != nil {
			require.Equal(t, syscall.EAGAIN, err)
			break
		}
		got++
	}
	require.Greater(t, got, 0)
	require.Less(t, got, 20)
	require.EqualValues(t, 20-got, p.S.Pool().Drops(skb.SocketRcvBuff))
	p.SendRaw(echo(p, p.IPv4(253)))
	_, err := read(k)
	require.NoError(t, err, "there is room again")
}
