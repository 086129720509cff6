// Package rtx is the sending half of TCP's loss recovery: the record of what
// was sent and is not acknowledged, and everything that is decided from it.
//
//   - queue.go, node.go, pool.go: ranges of sequence space with their segment
//     counts, in the order of sequence and in that of transmission
//   - scoreboard.go, sack.go, dsack.go: what is known of them (RFC 2018, 2883)
//   - clean.go: cumulative acknowledgement, RTT samples (RFC 6298, Karn)
//   - reno.go: duplicate ACKs standing in for SACKs (RFC 5681, 6582)
//   - ack.go, alert.go: the course of an acknowledgement, and the machine of
//     Open, Disorder, CWR, Recovery and Loss
//   - rack.go, tlp.go: RACK-TLP (RFC 8985)
//   - prr.go: Proportional Rate Reduction (RFC 6937)
//   - loss.go: timeouts, spurious ones too (RFC 6298, 5682)
//   - undo.go: taking reductions back (RFC 3522, 4015, 3708)
//   - send.go, timer.go, mtu.go, thin.go: what to send, when, in which sizes
//     (RFC 3042)
//   - mtuprobe.go: what becomes of a probe of the path MTU (RFC 4821)
//   - rate.go, validate.go: delivery rate; is the window used (RFC 2861, 7661)
//
// The model is Linux's tcp_input.c, counted in segments as there, so that the
// stack reacts to a trace as Linux does. The package is pure: time is an
// argument, nothing is sent and no timer is set here. It tells the connection
// what to send and for when to arm its ONE retransmission timer.
//
// # How a connection drives a Sender
//
//	s.Init(now, cfg, iss)                   // SND.UNA = SND.NXT = iss
//	s.Sent(now, rtx.Range{Start: iss, End: iss.Add(1), Flags: rtx.SYN})
//	...
//	s.Negotiate(sackOK, tsOK)               // the SYN-ACK's options, before its Ack
//	s.SetMSS(mss)
//	s.Ack(now, &ack)                        // acknowledges the SYN
//	s.Established(now)                      // initial window
//
// An acknowledgement is processed, then sending is attempted:
//
//	res := s.Ack(now, &ack)                 // ack <= SND.NXT was checked before
//	if res.SendNewFirst {                   // F-RTO: new data decides
//		sendNew()
//	}
//	retransmit()
//	sendNew()
//	kind, at := s.NextTimer()               // arm, move or disarm the timer
//
// with
//
//	func retransmit() {
//		for {
//			r, ok := s.NextRetransmit(sndUna+sndWnd, maxSegs)
//			if !ok || !transmit(r) {
//				return
//			}
//			s.Retransmitted(now, r)
//		}
//	}
//
//	func sendNew() {
//		for n := s.Budget(); n > 0 && haveData; n = s.Budget() {
//			r := plan(min(n, maxSegs))  // up to n segments of s.MSS() octets
//			transmit(r)
//			s.Sent(now, r)
//		}
//		s.OutputDone(now, deferred)         // also when nothing could be sent
//	}
//
// A retransmitted Range never has more octets than was asked for and keeps the
// SYN, FIN and PSH flags of what was sent; the payload is found by sequence
// number. When the timer fires:
//
//	act := s.OnTimer(now, kind)
//	switch {
//	case act.Probe && haveData && windowOpen:
//		transmit and s.Sent one segment, even if Budget() is 0
//		s.Probed(now)
//	case act.Probe:
//		if r, ok := s.TailProbe(); ok && transmit(r) {
//			s.ProbeRetransmitted(now, r)
//		}
//	default:
//		retransmit()
//		sendNew()
//	}
//	s.NextTimer()
//
// Before an RTO is handed to OnTimer the connection decides whether to give up
// (R2 of RFC 9293 3.8.3, user timeout) from Retransmits and FirstRetransmit.
//
// A user's write calls BeforeWrite first. An idle connection holds no memory
// here: the storage of the queue goes back to Config.Pool when the last segment
// is acknowledged.
package rtx
