package parity

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
)

// What raw sockets send and receive is counted as what others do, except that a
// packet with the user's header is no request to IP.
func TestRawCounters(t *testing.T) {
	echo := []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}
	timestamp := append(header(1, peerAddr), 13, 0, 0xf2, 0xff, 0, 0, 0, 0)
	long := header(1, peerAddr)
	long[0] = 0x4f
	onBoth(t, func(t *testing.T, h *host) {
		plain, whole, other := h.raw(socket.IPPROTO_ICMP), h.raw(socket.IPPROTO_RAW), h.raw(experiment)
		fails := func(s calls, p []byte) func() {
			return func() {
				_, err := s.SendTo(p, 0, toPeer)
				require.Error(t, err)
			}
		}
		for _, c := range []struct {
			name string
			do   func()
			want map[string]int
		}{
			{"a message", func() { h.mustSend(plain, echo) },
				map[string]int{"IpOutRequests": 1, "IpOutTransmits": 1, "IcmpOutMsgs": 1, "IcmpOutEchos": 1}},
			{"in fragments", func() { h.mustSend(plain, append(echo, make([]byte, 2000)...)) },
				map[string]int{"IpOutRequests": 1, "IpOutTransmits": 2, "IpFragCreates": 2, "IcmpOutMsgs": 1, "IcmpOutEchos": 1}},
			{"with its header", func() { h.mustSend(whole, timestamp) },
				map[string]int{"IpOutTransmits": 1, "IcmpOutMsgs": 1, "IcmpOutTimestamps": 1}},
			{"too short", fails(whole, long[:10]), map[string]int{}},
			{"a header past the end", fails(whole, long), map[string]int{"IpOutDiscards": 1}},
			{"too long", fails(whole, make([]byte, 1501)), map[string]int{}},
			{"too long, DF", func() {
				require.NoError(t, plain.Setsockopt(socket.SOL_IP, socket.IP_MTU_DISCOVER, inet.PMTUDo))
				fails(plain, make([]byte, 2000))()
			}, map[string]int{}},
			{"received", func() { h.tell(experiment, "x"); h.receive(other) }, map[string]int{"IpInDelivers": 1}},
			{"received by nobody", func() { h.tell(unheard, "x"); h.expect(icmp(3, 2)) },
				map[string]int{"IpInUnknownProtos": 1, "IpOutRequests": 1, "IpOutTransmits": 1, "IcmpOutMsgs": 1}},
		} {
			got := h.counted(c.do, "IpOutRequests", "IpOutTransmits", "IpOutDiscards", "IpFragCreates", "IcmpOutMsgs",
				"IcmpOutEchos", "IcmpOutTimestamps", "IpInDelivers", "IpInUnknownProtos")
			require.Equal(t, c.want, got, c.name)
		}
	})
}
