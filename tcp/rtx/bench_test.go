package rtx

import (
	"fmt"
	"testing"
	"time"

	"github.com/slankdev/ministack/tcp/cc"
)

// One acknowledgement of two segments and the sending of two more, by segments
// outstanding: the cost must not grow with them.
func BenchmarkAckAndSend(b *testing.B) {
	for _, segs := range []int{10, 1000, 10000, 100000} {
		b.Run(fmt.Sprint(segs), func(b *testing.B) {
			k := newBulk(segs, cc.NewCubic())
			b.ReportAllocs()
			for b.Loop() {
				k.acknowledge()
			}
		})
	}
}

// One SACK that grows by a segment, above one hole, by segments outstanding.
func BenchmarkSack(b *testing.B) {
	for _, segs := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprint(segs), func(b *testing.B) {
			k := newBulk(segs, cc.NewCubic())
			b.ReportAllocs()
			at := 2 * 1448
			for b.Loop() {
				k.now = k.now.Add(10 * time.Microsecond)
				una := k.s.CC.SndUna
				k.ack.Seq = una
				k.ack.Blocks = append(k.ack.Blocks[:0], Block{una.Add(1448), una.Add(at)})
				k.s.Ack(k.now, &k.ack)
				if at += 1448; una.Add(at).After(k.s.CC.SndNxt) {
					b.StopTimer()
					k, at = newBulk(segs, cc.NewCubic()), 2*1448
					b.StartTimer()
				}
			}
		})
	}
}

// Every second segment is lost: the worst scoreboard there is.
func BenchmarkSackComb(b *testing.B) {
	for _, segs := range []int{1000, 10000} {
		b.Run(fmt.Sprint(segs), func(b *testing.B) {
			k := newBulk(segs, cc.NewCubic())
			b.ReportAllocs()
			at := 3 * 1448
			for b.Loop() {
				k.now = k.now.Add(10 * time.Microsecond)
				una := k.s.CC.SndUna
				k.ack.Seq, k.ack.Blocks = una, k.ack.Blocks[:0]
				for i := range 3 {
					if s := at - 2*1448*i; s > 0 {
						k.ack.Blocks = append(k.ack.Blocks, Block{una.Add(s), una.Add(s + 1448)})
					}
				}
				k.s.Ack(k.now, &k.ack)
				k.retransmit()
				if at += 2 * 1448; una.Add(at + 1448).After(k.s.CC.SndNxt) {
					b.StopTimer()
					k, at = newBulk(segs, cc.NewCubic()), 3*1448
					b.StartTimer()
				}
			}
		})
	}
}
