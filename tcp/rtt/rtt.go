// Package rtt estimates the round-trip time of one connection and derives its
// retransmission timeout (RFC 6298), with the refinements of Linux: the mean
// deviation decays once a round trip, falls slowly when the path gets faster,
// and never brings the timeout within MinRTO of the smoothed RTT.
//
// Which acknowledgements may give a sample (Karn's algorithm, RFC 6298 3) is
// decided by package rtx; everything that arrives here counts.
package rtt

import (
	"time"

	"github.com/slankdev/ministack/tcp/seq"
)

// Linux's defaults (include/net/tcp.h).
const (
	DefaultMinRTO     = 200 * time.Millisecond // RFC 6298 2.4 asks for 1 s
	DefaultMaxRTO     = 120 * time.Second      // RFC 6298 2.5: at least 60 s
	DefaultInitialRTO = time.Second            // RFC 6298 2.1
	DefaultMinWindow  = 300 * time.Second      // net.ipv4.tcp_min_rtt_wlen
)

const fallbackRTO = 3 * time.Second // RFC 6298 5.7

// tick is the granularity of timers, G of RFC 6298: Linux's jiffy.
const tick = time.Millisecond

// Config holds the limits of an Estimator; a zero field means the default.
type Config struct {
	MinRTO     time.Duration // net.ipv4.tcp_rto_min_us
	MaxRTO     time.Duration // net.ipv4.tcp_rto_max_ms
	InitialRTO time.Duration // before the first sample
	MinWindow  time.Duration // how long a minimum RTT is remembered
}

// Estimator is the RTT state of a connection. The zero Estimator is unusable:
// call Init.
type Estimator struct {
	srtt     time.Duration // 8 * SRTT, so that the gain of 1/8 is a shift
	mdev     time.Duration // 4 * mean deviation
	mdevMax  time.Duration // largest mdev of this round trip
	rttvar   time.Duration // 4 * RTTVAR, the smoothed mdevMax
	rto      time.Duration // with backoff
	backoff  int32
	roundEnd seq.Num // the round trip of mdevMax ends when this is acknowledged
	min      minFilter
	cfg      *Config // shared with other connections: see own
}

// Round is the connection's progress, from which the estimator tells round
// trips apart.
type Round struct{ Una, Nxt seq.Num }
