package ipv4_test

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/test/world"
	"github.com/stretchr/testify/require"
)

// super has the router receive a super-segment of 3000 bytes for the far side,
// as a device that joins segments would deliver it.
func super(p *world.Peer, size uint16, flags layers.IPv4Flag) {
	ip := through(p)
	ip.Protocol, ip.Flags = layers.IPProtocolTCP, flags
	th := &layers.TCP{SrcPort: 1, DstPort: 2, Seq: 1000, ACK: true, PSH: true, Window: 100}
	require.NoError(p.T, th.SetNetworkLayerForChecksum(ip))
	frame := p.Build(ip, th, gopacket.Payload(make([]byte, 3000)))
	b := p.S.Pool().New(len(frame))
	b.Append(frame)
	b.GSO, b.GSOSize, b.GSOSegs, b.Csum = skb.GSOTCPv4, size, uint16(3000+int(size)-1)/size, skb.CsumUnnecessary
	b.IfIndex = int32(p.S.Devices()[1].Index)
	p.S.IP().Input(p.S.Devices()[1], b)
	p.S.Flush()
}

func TestASuperSegmentIsForwardedByTheSizeOfItsSegments(t *testing.T) {
	p, d := router(t) // the way on has an MTU of 1000
	p.Introduce()
	super(p, 960, layers.IPv4DontFragment)
	p.Silent("960 and two headers just fit")
	require.Len(t, far(t, p, d), 4)

	super(p, 961, layers.IPv4DontFragment)
	require.Equal(t, layers.CreateICMPv4TypeCode(3, 4), icmpOf(p.One()).TypeCode)
	require.Empty(t, far(t, p, d))
}

func TestASuperSegmentThatMayBeFragmentedIsCutIntoSegmentsFirst(t *testing.T) {
	p, d := router(t)
	p.Introduce()
	super(p, 1200, 0)
	defrag := ip4defrag.NewIPv4Defragmenter()
	var seqs []uint32
	for _, pkt := range far(t, p, d) {
		require.LessOrEqual(t, int(ipOf(pkt).Length), 1000)
		whole, err := defrag.DefragIPv4(ipOf(pkt))
		require.NoError(t, err)
		if whole != nil {
			th := new(layers.TCP)
			require.NoError(t, th.DecodeFromBytes(whole.Payload, gopacket.NilDecodeFeedback))
			seqs = append(seqs, th.Seq)
		}
	}
	require.Equal(t, []uint32{1000, 2200, 3400}, seqs)
}
