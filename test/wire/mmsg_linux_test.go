package wire

import (
	"net/netip"
	"os/exec"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/socket"
	"github.com/slankdev/ministack/test/netns"
	"github.com/stretchr/testify/require"
)

// Datagrams a second to the kernel, by a call for each and by sendmmsg(2). The
// drivers are those of which one takes many frames in a system call (AF_PACKET)
// and the other does not (TAP).
func BenchmarkDatagrams(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) (netdev.Driver, string){"packet": benchVeth, "tap": benchTap} {
		b.Run(name, func(b *testing.B) {
			k := benchSocket(b, open)
			one := func(b *testing.B) float64 {
				payload := make([]byte, 100)
				for b.Loop() {
					_, _ = k.Send(payload, 0) // a full queue is no matter here
				}
				return float64(b.N) / b.Elapsed().Seconds()
			}
			many := func(b *testing.B) float64 {
				ms := make([]socket.Message, 32)
				for i := range ms {
					ms[i].Data = make([]byte, 100)
				}
				for b.Loop() {
					_, _ = k.SendMMsg(ms, 0)
				}
				return float64(b.N*len(ms)) / b.Elapsed().Seconds()
			}
			single := 0.0
			b.Run("send", func(b *testing.B) {
				single = one(b)
				b.ReportMetric(single, "datagrams/s")
			})
			b.Run("sendmmsg", func(b *testing.B) {
				rate := many(b)
				b.ReportMetric(rate, "datagrams/s")
				if single > 0 {
					b.ReportMetric(rate/single, "times-send")
				}
			})
		})
	}
}

func benchVeth(b *testing.B) (netdev.Driver, string) {
	netns.IP(b, "link add h0 type veth peer name s0")
	b.Cleanup(func() { _ = exec.Command("ip", "link", "del", "h0").Run() })
	netns.IP(b, "link set s0 up")
	d, err := netdev.OpenPacket("s0", netdev.PacketOptions{})
	require.NoError(b, err)
	return d, "h0"
}

func benchTap(b *testing.B) (netdev.Driver, string) {
	d, err := netdev.OpenTAP("tapm", netdev.TAPOptions{})
	if err != nil {
		b.Skip("no TAP: ", err)
	}
	return d, "tapm"
}

// benchSocket is connected to a socket of the kernel that nobody reads.
func benchSocket(b *testing.B, open func(b *testing.B) (netdev.Driver, string)) *socket.Socket {
	d, dev := open(b)
	netns.IP(b, "addr add "+hostIP+"/24 dev "+dev)
	netns.IP(b, "link set "+dev+" up")
	s, err := ministack.New(ministack.Config{})
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close() })
	_, err = s.Attach(d, "eth0")
	require.NoError(b, err)
	require.NoError(b, s.AddAddr("eth0", netip.MustParsePrefix(stackIP+"/24")))
	k, err := s.Socket(socket.AF_INET, socket.SOCK_DGRAM, 0)
	require.NoError(b, err)
	require.NoError(b, k.Connect(netip.MustParseAddrPort(hostIP+":9")))
	return k
}
