package wire

import (
	"encoding/binary"
	"math/rand"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// nmap's probes find the open port and the closed ones, and harm nothing.
func TestNmapScans(t *testing.T) {
	need(t, "nmap")
	w := newWire(t, kinds(t)[0])
	w.serve(w.listen(80), []byte("hello"))
	out := w.must(3*time.Minute, "nmap", "-n", "-Pn", "-sS", "-O", "-p", "1-200", "--max-retries", "2", stackIP)
	require.Contains(t, out, "80/tcp open")
	require.Contains(t, out, "199 closed")
	out = w.must(3*time.Minute, "nmap", "-n", "-Pn", "-sU", "-p", "50-60", "--max-retries", "3", "--host-timeout", "100s", stackIP)
	require.Contains(t, out, "closed")
	w.stillAlive()
}

// stillAlive shows that the stack serves after what was done to it.
func (w *wire) stillAlive() {
	c, err := net.DialTimeout("tcp", stackIP+":80", 5*time.Second)
	require.NoError(w.t, err)
	require.NoError(w.t, c.Close())
}

// Random frames, half of them with plausible headers, are dropped with a
// reason, every one of them (the conservation law at the end of the test).
func TestRandomFramesAreSurvived(t *testing.T) {
	const frames = 200_000
	w := newWire(t, kinds(t)[0])
	w.serve(w.listen(80), []byte("hello"))
	w.stillAlive()
	fd, to := packetSocket(t, w.dev)
	mac := macOf(t, w)
	r := rand.New(rand.NewSource(99))
	for i := range frames {
		if err := unix.Sendto(fd, randomFrame(r, mac), 0, to); err != nil {
			require.ErrorIs(t, err, unix.ENOBUFS, "frame %d", i)
		}
	}
	time.Sleep(100 * time.Millisecond) // let the last of them arrive before the stack is asked for more
	w.stillAlive()
	var got uint64
	for _, d := range w.stack.Devices() {
		got += d.Counters.RxPackets.Load()
	}
	require.Greater(t, got, uint64(frames/2))
}

func packetSocket(t *testing.T, dev string) (int, unix.Sockaddr) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	ifc, err := net.InterfaceByName(dev)
	require.NoError(t, err)
	return fd, &unix.SockaddrLinklayer{Ifindex: ifc.Index, Halen: 6}
}

func macOf(t *testing.T, w *wire) (mac [6]byte) {
	for _, d := range w.stack.Devices() {
		if d.Name == "eth0" {
			return d.MAC
		}
	}
	t.Fatal("no eth0")
	return mac
}

// randomFrame returns 14 to 1514 bytes: noise, or noise behind an Ethernet and
// an IPv4 header that look right.
func randomFrame(r *rand.Rand, mac [6]byte) []byte {
	f := make([]byte, 14+r.Intn(1500))
	r.Read(f)
	copy(f, mac[:])
	if len(f) < 54 || r.Intn(8) == 0 {
		return f
	}
	types := []uint16{0x0800, 0x0800, 0x0800, 0x0806}
	binary.BigEndian.PutUint16(f[12:], types[r.Intn(len(types))])
	h := f[14:]
	h[0] = 0x45
	if r.Intn(10) == 0 {
		h[0] = 0x40 | byte(r.Intn(16))
	}
	binary.BigEndian.PutUint16(h[2:], uint16(len(h)))
	if r.Intn(4) > 0 {
		h[6], h[7] = 0, 0
	}
	h[9] = []byte{1, 2, 6, 6, 17}[r.Intn(5)]
	src, dst := netip.MustParseAddr(hostIP).As4(), netip.MustParseAddr(stackIP).As4()
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	h[10], h[11] = 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(h[10:], ^uint16(sum))
	return f
}
