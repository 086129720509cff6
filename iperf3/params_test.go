package iperf3

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// What clients of 3.12 sent.
const (
	manyOptions = `{"tcp":true,"omit":0,"time":1,"num":0,"blockcount":0,"MSS":1000,"nodelay":true,"parallel":2,"window":65536,"len":8192,"bandwidth":10000000,"pacing_timer":1000,"title":"title","extra_data":"foo","congestion":"cubic","get_server_output":1,"repeating_payload":1,"zerocopy":1,"client_version":"3.12"}`
	datagrams   = `{"udp":true,"omit":1,"time":1,"num":0,"blockcount":0,"parallel":1,"window":102400,"len":1000,"bandwidth":1000000,"pacing_timer":1000,"burst":4,"TOS":16,"dont_fragment":1,"client_version":"3.12"}`
	both        = `{"tcp":true,"omit":0,"time":0,"num":262144,"blockcount":0,"parallel":2,"bidirectional":true,"len":131072,"pacing_timer":1000,"client_version":"3.12"}`
	sctp        = `{"sctp":true,"omit":0,"time":1,"num":0,"blockcount":0,"parallel":1,"len":65536,"pacing_timer":1000,"client_version":"3.12"}`
)

func parse(t *testing.T, text string) params {
	var p params
	require.NoError(t, json.Unmarshal([]byte(text), &p))
	return p
}

func TestParametersAreThoseOfAClient(t *testing.T) {
	p := parse(t, manyOptions)
	require.NoError(t, p.check())
	require.Equal(t, params{TCP: true, Time: 1, MSS: 1000, NoDelay: true, Parallel: 2, Window: 65536, Len: 8192, Bandwidth: 1e7,
		PacingTimer: 1000, Congestion: "cubic", ServerOutput: true, Repeating: true}, p)
	p = parse(t, datagrams)
	require.NoError(t, p.check())
	require.Equal(t, params{UDP: true, Omit: 1, Time: 1, Parallel: 1, Window: 102400, Len: 1000, Bandwidth: 1e6, PacingTimer: 1000,
		Burst: 4, TOS: 16, DontFragment: true}, p)
}

func TestLargeNumbersHaveExponents(t *testing.T) {
	p := parse(t, `{"tcp":true,"parallel":1,"len":1,"num":1e+15,"bandwidth":1e+20,"fqrate":1.5e+11}`)
	require.Equal(t, 1e15, p.Num)
	require.Equal(t, 1.5e11, p.FQRate)
	require.Error(t, p.check(), "no stream has that rate")
}

func TestWithBothDirectionsTheClientSendsFirst(t *testing.T) {
	p := parse(t, both)
	require.NoError(t, p.check())
	var sends []bool
	var ids []int
	for i := range p.streams() {
		sends, ids = append(sends, p.sends(i)), append(ids, streamID(i))
	}
	require.Equal(t, []bool{false, false, true, true}, sends)
	require.Equal(t, []int{1, 3, 4, 5}, ids)
}

func TestWhatCannotBeServedIsRefused(t *testing.T) {
	for text, want := range map[string]reason{
		sctp:                                  reasonProtocol,
		`{}`:                                  reasonProtocol,
		`{"tcp":true,"udp":true}`:             reasonProtocol,
		`{"tcp":true,"parallel":0,"len":1}`:   reasonParams,
		`{"tcp":true,"parallel":129,"len":1}`: reasonParams,
		`{"tcp":true,"parallel":1,"len":0}`:   reasonParams,
		`{"tcp":true,"parallel":1,"len":1048577}`:                        reasonParams,
		`{"udp":true,"parallel":1,"len":11}`:                             reasonParams,
		`{"udp":true,"parallel":1,"len":15,"udp_counters_64bit":1}`:      reasonParams,
		`{"udp":true,"parallel":1,"len":65508}`:                          reasonParams,
		`{"tcp":true,"parallel":1,"len":1,"time":-1}`:                    reasonParams,
		`{"tcp":true,"parallel":1,"len":1,"omit":1e9}`:                   reasonParams,
		`{"tcp":true,"parallel":1,"len":1,"num":-5}`:                     reasonParams,
		`{"tcp":true,"parallel":1,"len":1,"bandwidth":-1}`:               reasonParams,
		`{"tcp":true,"parallel":1,"len":1,"burst":1001}`:                 reasonParams,
		`{"tcp":true,"parallel":1,"len":1,"burst":-1}`:                   reasonParams,
		`{"tcp":true,"parallel":1,"len":1,"pacing_timer":-1}`:            reasonParams,
		`{"tcp":true,"parallel":1,"len":1,"fqrate":1e300,"bandwidth":1}`: reasonParams,
	} {
		p := parse(t, text)
		var f *failure
		require.True(t, errors.As(p.check(), &f), text)
		require.Equal(t, want, f.reason, text)
	}
}

func FuzzParams(f *testing.F) {
	for _, s := range []string{manyOptions, datagrams, both, sctp} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var p params
		if json.Unmarshal(text, &p) != nil || p.check() != nil {
			return
		}
		require.Positive(t, p.Len)
		require.LessOrEqual(t, p.Len, maxBlock)
		require.LessOrEqual(t, p.streams(), 2*maxStreams)
		pace := newPacer(&p, 0)
		for _, at := range []int64{0, 1, 1e9, 1 << 62} {
			n, wait := pace.due(clockTime(at))
			require.True(t, n > 0 && n <= maxBurst && wait == 0 || n == 0 && wait > 0, "%d blocks, wait %v", n, wait)
			pace.sent += int64(n * p.Len)
		}
	})
}
