package rtt

import (
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/tcp/seq"
)

// Init resets the estimator of a connection whose first octet is una.
func (e *Estimator) Init(cfg Config, una seq.Num) {
	cfg = cfg.WithDefaults()
	e.Start(&cfg, una)
}

// Start is Init with limits that have their defaults, and are shared with others.
func (e *Estimator) Start(cfg *Config, una seq.Num) {
	*e = Estimator{cfg: cfg, roundEnd: una}
	e.mdev = e.cfg.InitialRTO
	e.rto = e.cfg.InitialRTO
}

// WithDefaults returns c with the defaults for what is zero.
func (c Config) WithDefaults() Config {
	setDefault(&c.MinRTO, DefaultMinRTO)
	setDefault(&c.MaxRTO, DefaultMaxRTO)
	setDefault(&c.InitialRTO, DefaultInitialRTO)
	setDefault(&c.MinWindow, DefaultMinWindow)
	return c
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d == 0 {
		*d = v
	}
}

// Sample takes a measured round trip (RFC 6298 2.2, 2.3), computes the RTO
// anew and with it ends any backoff (RFC 6298 5.7, Karn).
func (e *Estimator) Sample(m time.Duration, r Round) {
	if e.srtt == 0 {
		e.first(m, r)
	} else {
		e.next(m, r)
	}
	e.srtt = max(e.srtt, 1<<3) // 0 would mean that there was no sample
	e.backoff = 0
	e.rto = e.base()
}

// first sets SRTT to the sample and RTTVAR to half of it: RFC 6298 2.2.
func (e *Estimator) first(m time.Duration, r Round) {
	e.srtt = m << 3
	e.mdev = m << 1
	e.rttvar = max(e.mdev, e.cfg.MinRTO)
	e.mdevMax = e.rttvar
	e.roundEnd = r.Nxt
}

// next smooths with gains 1/8 and 1/4: RFC 6298 2.3.
func (e *Estimator) next(m time.Duration, r Round) {
	err := m - e.srtt>>3
	e.srtt += err
	e.deviate(err)
	e.mdevMax = max(e.mdevMax, e.mdev)
	e.rttvar = max(e.rttvar, e.mdevMax)
	if r.Una.After(e.roundEnd) {
		e.endRound(r)
	}
}

// deviate moves the mean deviation towards |err|. A sample below SRTT moves it
// up by 1/32 only: a path that became faster is no reason for a longer RTO.
func (e *Estimator) deviate(err time.Duration) {
	d := err.Abs() - e.mdev>>2
	if err < 0 && d > 0 {
		d >>= 3
	}
	e.mdev += d
}

// endRound lets RTTVAR decay by a quarter of the way to the largest deviation
// of the round trip that ends. RFC 6298 would decay it with every sample, and
// a large window takes hundreds of samples a round trip.
func (e *Estimator) endRound(r Round) {
	if e.mdevMax < e.rttvar {
		e.rttvar -= (e.rttvar - e.mdevMax) >> 2
	}
	e.roundEnd = r.Nxt
	e.mdevMax = e.cfg.MinRTO
}

// Fallback raises the RTO to 3 s: the handshake was lost at least once and
// gave no sample, so the path may be slower than a second (RFC 6298 5.7).
func (e *Estimator) Fallback() {
	e.rttvar, e.mdev, e.mdevMax = fallbackRTO, fallbackRTO, fallbackRTO
	e.rto = fallbackRTO
}

// Backoff doubles the RTO after a timeout: RFC 6298 5.5.
func (e *Estimator) Backoff() {
	e.backoff++
	e.rto = e.bound(e.rto << 1)
}

// NoBackoff takes all of them back: a thin stream waits no longer each time
// (Linux's thin linear timeouts).
func (e *Estimator) NoBackoff() {
	e.backoff = 0
	e.rto = e.base()
}

// Revert takes one backoff back: an ICMP error said that the path, not
// congestion, lost the segment (RFC 6069).
func (e *Estimator) Revert() {
	if e.backoff == 0 {
		return
	}
	e.backoff--
	e.rto = e.bound(e.base() << e.backoff)
}

// base returns the RTO without backoff.
func (e *Estimator) base() time.Duration {
	if e.srtt == 0 {
		return e.cfg.InitialRTO
	}
	return e.bound(roundUp(e.srtt>>3 + e.rttvar))
}

func (e *Estimator) bound(d time.Duration) time.Duration { return min(d, e.cfg.MaxRTO) }

func roundUp(d time.Duration) time.Duration { return (d + tick - 1) / tick * tick }

// RTO returns the retransmission timeout with its backoff.
func (e *Estimator) RTO() time.Duration { return e.rto }

// Backoffs returns how often the RTO was doubled since the last sample.
func (e *Estimator) Backoffs() int { return int(e.backoff) }

// SRTT returns the smoothed RTT; 0 means that there was no sample yet.
func (e *Estimator) SRTT() time.Duration { return e.srtt >> 3 }

// RTTVar returns the mean deviation, as tcpi_rttvar shows it.
func (e *Estimator) RTTVar() time.Duration { return e.mdev >> 2 }

// MinRTO returns the least that the RTO exceeds SRTT by.
func (e *Estimator) MinRTO() time.Duration { return e.cfg.MinRTO }

// SetMinRTO changes it (TCP_RTO_MIN_US, a route's rto_min).
func (e *Estimator) SetMinRTO(d time.Duration) { e.own().MinRTO = d }

// own returns a copy of the limits for this estimator alone.
func (e *Estimator) own() *Config {
	own := *e.cfg
	e.cfg = &own
	return e.cfg
}

// SetMaxRTO changes the upper bound (TCP_RTO_MAX_MS).
func (e *Estimator) SetMaxRTO(d time.Duration) {
	e.own().MaxRTO = d
	e.rto = e.bound(e.rto)
}

// SampleMin offers a round trip to the windowed minimum.
func (e *Estimator) SampleMin(now clock.Time, m time.Duration) {
	e.min.update(now, max(m, 1), e.cfg.MinWindow)
}

// MinRTT returns the least round trip of the last MinWindow; 0 means none.
func (e *Estimator) MinRTT() time.Duration { return e.min.best() }
