package iperf3

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// arrive notes datagrams by their numbers, sent every 10 ms and delayed by ms.
func arrive(a *arrivals, numbers []int64, delays ...int) {
	for i, n := range numbers {
		delay := 0
		if i < len(delays) {
			delay = delays[i]
		}
		sent := time.Duration(n) * 10 * time.Millisecond
		a.note(n, sent, time.Hour+sent+time.Duration(delay)*time.Millisecond)
	}
}

func TestGapsAreLossesUntilTheyArriveLate(t *testing.T) {
	var a arrivals
	arrive(&a, []int64{1, 2, 5})
	require.Equal(t, [3]int64{5, 2, 0}, [3]int64{a.packets, a.errors, a.late})
	arrive(&a, []int64{3})
	require.Equal(t, [3]int64{5, 1, 1}, [3]int64{a.packets, a.errors, a.late})
	arrive(&a, []int64{4, 6})
	require.Equal(t, [3]int64{6, 0, 2}, [3]int64{a.packets, a.errors, a.late})
}

func TestADuplicateMakesNoNegativeLoss(t *testing.T) {
	var a arrivals
	arrive(&a, []int64{1, 1, 1})
	require.Equal(t, [3]int64{1, 0, 2}, [3]int64{a.packets, a.errors, a.late})
}

func TestTheFirstOfAllMayBeLost(t *testing.T) {
	var a arrivals
	arrive(&a, []int64{4})
	require.Equal(t, [2]int64{4, 3}, [2]int64{a.packets, a.errors})
}

// RFC 3550 6.4.1: J(i) = J(i-1) + (|D(i-1,i)| - J(i-1))/16, in which the offset
// of the clocks does not appear.
func TestJitterIsThatOfRTP(t *testing.T) {
	var a arrivals
	arrive(&a, []int64{1, 2, 3, 4}, 5, 5, 21, 5)
	want := 0.0
	for _, d := range []float64{0, 0.016, 0.016} {
		want += (d - want) / 16
	}
	require.InDelta(t, want, a.jitter, 1e-12)
	a.forget()
	require.Zero(t, a.jitter)
	arrive(&a, []int64{5}, 500) // has nothing to be compared with
	require.Zero(t, a.jitter)
	require.Equal(t, int64(5), a.packets, "the count goes on")
}
