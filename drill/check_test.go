package drill

import (
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// sample is a segment with the payload given, as the wire has it.
func sample(t *testing.T, payload []byte) []byte {
	ip := network(netip.MustParseAddr("192.168.0.1"), netip.MustParseAddr("192.0.2.1"), IPFields{ECN: -1, TOS: -1, TTL: -1}, layers.IPProtocolTCP)
	w := &layers.TCP{SrcPort: 8080, DstPort: 40001, Seq: 101, Ack: 1, ACK: true, Window: 100}
	require.NoError(t, w.SetNetworkLayerForChecksum(ip))
	data, err := build(ip, w, gopacket.Payload(payload))
	require.NoError(t, err)
	return data
}

// Outbound checksums are checked: any single byte that is wrong is found.
func TestABadChecksumIsFound(t *testing.T) {
	good := sample(t, []byte("hello"))
	require.Empty(t, decode(sentPacket{data: good}, 1500).tcp.err)
	for _, i := range []int{8, 12, 24, 34, len(good) - 1} { // TTL, address, sequence, window, payload
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x10
		require.Contains(t, decode(sentPacket{data: bad}, 1500).tcp.err, "checksum", "byte %d", i)
	}
}

func TestAPacketLargerThanTheMTUIsFound(t *testing.T) {
	require.Contains(t, decode(sentPacket{data: sample(t, make([]byte, 100))}, 139).tcp.err, "exceed the MTU")
}

// Outbound payload is checked against what the user wrote.
func TestPayloadThatNobodyWroteIsFound(t *testing.T) {
	c := &connection{isn: 100, written: []byte("hello world")}
	s := decode(sentPacket{data: sample(t, []byte("hello"))}, 1500).tcp
	require.Empty(t, c.comparePayload(s))
	c.written[3] = 'L'
	require.Contains(t, c.comparePayload(s), "at byte 3")
	c.written = c.written[:3]
	require.Contains(t, c.comparePayload(s), "of which 3 were written")
}
