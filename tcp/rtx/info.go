package rtx

import "github.com/slankdev/ministack/clock"

// Info returns a snapshot.
func (s *Sender) Info(now clock.Time) Info {
	st, h := &s.CC, s.history
	if h == nil {
		h = new(history)
	}
	return Info{
		State: st.CA, MSS: st.MSS, Cwnd: st.Cwnd, Ssthresh: st.Ssthresh,
		Unacked: st.PacketsOut, Sacked: st.SackedOut, Lost: st.LostOut, Retrans: st.RetransOut,
		InFlight: st.InFlight(), Reordering: s.Reordering(),
		Backoff: s.RTT.Backoffs(), Retransmits: int(s.rto.retransmits),
		RTO: s.RTT.RTO(), SRTT: s.RTT.SRTT(), RTTVar: s.RTT.RTTVar(), MinRTT: s.RTT.MinRTT(),
		PacingRate: st.PacingRate, MaxPacingRate: st.MaxPacingRate,
		DeliveryRate:           s.rate.deliveryRate(st.MSS),
		DeliveryRateAppLimited: s.rate.wasLimited,
		Delivered:              st.Delivered, DeliveredCE: st.DeliveredCE,
		LostTotal: st.Lost, RetransTotal: h.retrans,
		ReordSeen: s.board.reordSeen, DSACKDups: h.dsackDups,
		BytesSent: s.total.bytesSent, BytesAcked: s.total.bytesAcked,
		BytesRetrans: h.bytesRetrans,
		TotalRTO:     h.rto.total, TotalRTORecoveries: h.rto.episodes, TotalRTOTime: h.rto.totalTime(now),
		TimeSinceLastSent: now.Sub(st.LastSent),
		Counters:          h.counters,
	}
}

// BytesAcked returns how many octets of payload were acknowledged.
func (s *Sender) BytesAcked() uint64 { return s.total.bytesAcked }
