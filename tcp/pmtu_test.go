package tcp

import (
	"testing"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/stat"
	"github.com/stretchr/testify/require"
)

// tooBig is the ICMP message of a router whose next link has the given MTU.
func tooBig(mtu uint32) *inet.Error { return &inet.Error{Kind: inet.NeedFrag, Info: mtu} }

// RFC 1191 6.5: segments shrink to the path MTU, and what was lost for its
// size is sent again at once.
func TestSegmentsFollowThePathMTU(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	const narrow = 1000
	w.lose = func(seg *wireSegment) bool {
		if seg.from == w.a && len(seg.raw)+20 > narrow {
			sq := seg.seq
			w.clk.Post(func() { c.icmpError(sq, tooBig(narrow), nil) })
			return true
		}
		return false
	}
	took := w.transfer(c, s, 300_000, time.Minute)
	require.Less(t, took, time.Second)
	require.Equal(t, narrow-40-12, c.snd.mss)
}

// RFC 5927 4.1 and 7.2: a forged message that quotes a sequence number which is
// not under way, or that names no smaller MTU, changes nothing; one that does
// cannot go below the floor.
func TestAForgedPathMTUDoesNotShrinkSegments(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.transfer(c, s, 50_000, time.Minute)
	w.clk.Run(time.Second)
	before := c.snd.mss
	c.icmpError(c.snd.una.Add(-1), tooBig(600), nil)
	c.icmpError(c.snd.nxt.Add(1000), tooBig(600), nil)
	c.icmpError(c.snd.nxt, tooBig(600), nil)
	require.Equal(t, before, c.snd.mss)
	require.Equal(t, uint64(3), w.a.env.Stat.Get(stat.TcpExtOutOfWindowIcmps))
	w.send(c, 10, 0)
	c.icmpError(c.snd.una, tooBig(5), nil)
	require.GreaterOrEqual(t, c.snd.mss, 500)
}

// RFC 5461, RFC 9293 MUST-56: unreachable is no reason to end a connection
// that stands, and is one to end one that is being opened. RFC 9293 3.9.2.2.
func TestUnreachableEndsOnlyAnOpening(t *testing.T) {
	w := newWorld(t)
	c, s := w.connect()
	w.send(c, 10, 0)
	c.icmpError(c.snd.una, &inet.Error{Kind: inet.HostUnreachable, Errno: 113}, nil)
	require.Equal(t, Established, c.State())
	w.transfer(s, c, 1000, time.Minute)
}
