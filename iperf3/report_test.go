package iperf3

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumbersHaveThreeDigitsThatCount(t *testing.T) {
	for want, v := range map[string]float64{"0.00 ": 0, "9.99 ": 9.99, "10.0 ": 9.996, "99.9 ": 99.9, " 100 ": 99.96, "1023 ": 1023, "1.00 K": 1024, "96.0 K": 98304, "1.95 G": 2093796556} {
		require.Equal(t, want, scaled(v, 1024))
	}
	require.Equal(t, "10.4 G", scaled(10.4e9, 1000))
	require.Equal(t, "2000 T", scaled(2e15, 1000))
}

// Rows of the same numbers, from a server of 3.12, but for spaces at the end.
func TestRowsLookAsIperf3Prints(t *testing.T) {
	r, v := &report{}, span{to: 1.01}
	tcp := &test{p: params{TCP: true, Reverse: true}}
	r.row(tcp, v, "  5", true, counts{bytes: 125000, cwnd: 621 << 10})
	v.last = true
	r.row(tcp, v, "  5", true, counts{bytes: 125000})
	r.row(tcp, v, "  5", false, counts{bytes: 125000})
	udp := &test{p: params{UDP: true, Bidirectional: true}}
	r.row(udp, span{to: 1}, "  6", true, counts{bytes: 131072, packets: 4})
	r.row(udp, span{to: 2, last: true}, "SUM", false, counts{bytes: 262144, packets: 8, errors: 2, jitter: 31e-6})
	require.Equal(t, ""+
		"[  5]   0.00-1.01   sec   122 KBytes   990 Kbits/sec    0    621 KBytes\n"+
		"[  5]   0.00-1.01   sec   122 KBytes   990 Kbits/sec    0             sender\n"+
		"[  5]   0.00-1.01   sec   122 KBytes   990 Kbits/sec                  receiver\n"+
		"[  6][TX-S]   0.00-1.00   sec   128 KBytes  1.05 Mbits/sec            4\n"+
		"[SUM][RX-S]   0.00-2.00   sec   256 KBytes  1.05 Mbits/sec  0.031 ms  2/8 (25%)  receiver\n", r.text.String())
}

func TestAReportDoesNotGrowWithoutBound(t *testing.T) {
	r := &report{}
	r.text.Write(make([]byte, maxReport+1))
	r.interval(&test{streams: []*stream{{}}}, clockTime(int64(time.Second)), false)
	require.Equal(t, maxReport+1, r.text.Len())
}
