package rtt

import "time"

// Seed lengthens the RTO to cover a round trip that is known from an earlier
// connection, until the first sample of data: the handshake's is that of small
// packets. The estimate itself stays as it is.
func (e *Estimator) Seed(m time.Duration) {
	if m > e.SRTT() {
		e.rto = e.bound(roundUp(m + max(2*m, e.cfg.MinRTO)))
	}
}
