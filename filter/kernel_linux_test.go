package filter

import (
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// attach puts a program on a socket of the kernel.
func attach(fd int, code []bpf.RawInstruction) error {
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(code)))}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)
}

// verdict is what the kernel's filter leaves of a datagram.
func verdict(t *testing.T, from, to int, data []byte) int {
	require.NoError(t, unix.Send(from, data, 0))
	n, _, err := unix.Recvfrom(to, make([]byte, 200), unix.MSG_DONTWAIT|unix.MSG_TRUNC)
	if err == unix.EAGAIN {
		return 0
	}
	require.NoError(t, err)
	return n
}

// Random programs, sound and not, on a socket pair of the kernel and here.
func TestTheKernelComesToTheSameVerdict(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(pair[0]); unix.Close(pair[1]) })
	r := rand.New(rand.NewPCG(5, 6))
	ran := map[bool]int{}
	for range 20_000 {
		data := make([]byte, 1+r.IntN(60))
		for i := range data {
			data[i] = byte(r.Uint32()) & 0x7f // no offsets before the packet: the kernel reads its headroom there
		}
		code := random(r, 70)
		p, err := New(code, seven)
		if kernel := attach(pair[1], code); kernel != nil || err != nil {
			require.True(t, errors.Is(kernel, err) && err != nil, "%+v: %v, %v", code, kernel, err)
			continue
		}
		want := verdict(t, pair[0], pair[1], data)
		got := min(int(p.Run(packet(data...))), len(data))
		require.Equal(t, want, got, "%+v on % x", code, data)
		ran[got > 0]++
	}
	require.Greater(t, ran[true], 200)
	require.Greater(t, ran[false], 200)
}
