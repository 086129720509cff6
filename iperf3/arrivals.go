package iperf3

import "time"

// arrivals is what a receiver of datagrams knows. A number above the next means
// that those between are lost; one below was lost before, and came late.
type arrivals struct {
	packets int64         // the highest number: how many were sent, as far as we know
	errors  int64         // lost
	late    int64         // came behind one that was sent after them
	jitter  float64       // seconds (RFC 3550 6.4.1)
	transit time.Duration // of the last one, by two clocks: only differences mean something
	begun   bool
}

// note takes a datagram with its number, when it was sent by the sender's clock,
// and when it arrived by ours.
func (a *arrivals) note(number int64, sent, now time.Duration) {
	if number > a.packets {
		a.errors += number - a.packets - 1
		a.packets = number
	} else {
		a.late++
		a.errors = max(a.errors-1, 0)
	}
	transit := now - sent
	if a.begun {
		d := (transit - a.transit).Abs().Seconds()
		a.jitter += (d - a.jitter) / 16 // RFC 3550 6.4.1
	}
	a.transit, a.begun = transit, true
}

// forget begins the estimate of the jitter anew.
func (a *arrivals) forget() { a.jitter, a.begun = 0, false }
