package packet_test

import (
	"testing"

	"github.com/slankdev/ministack/packet"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// FuzzSend sends any bytes to any address by both types of socket. What is
// taken leaves whole, what is not leaves nothing, and every buffer meets one
// fate.
func FuzzSend(f *testing.F) {
	f.Add([]byte{}, uint16(0x0800), 2, uint8(6), []byte{1, 2, 3, 4, 5, 6}, false)
	f.Add(make([]byte, 1514), uint16(3), 2, uint8(0), []byte{}, true)
	f.Add(make([]byte, 1501), uint16(1), 1, uint8(8), []byte{255, 255, 255, 255, 255, 255, 255, 255}, false)
	f.Fuzz(func(t *testing.T, data []byte, protocol uint16, device int, haLen uint8, addr []byte, whole bool) {
		p := world.NewPeer(t)
		typ := dgram
		if whole {
			typ = raw
		}
		to := socket.LinkAddr{Protocol: protocol, IfIndex: device, HaLen: haLen}
		copy(to.Addr[:], addr)
		other := open(t, p.S, raw, packet.AllProtocols)
		n, err := open(t, p.S, typ, 0).SendMsg(&socket.Message{Data: data, Link: to}, 0)
		if err != nil {
			require.Zero(t, n)
			_, err = other.Recv(nil, 0)
			require.Error(t, err, "a frame that was refused was sent")
			return
		}
		require.Equal(t, len(data), n)
		frame, from := read(t, other)
		require.Equal(t, socket.PACKET_OUTGOING, from.PktType)
		require.Equal(t, data, append([]byte{}, frame[len(frame)-len(data):]...))
		if !whole && device == eth0 {
			require.Equal(t, to.Addr[:6], frame[:6])
		}
	})
}
