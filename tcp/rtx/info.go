package rtx

import (
	"time"

	"github.com/slankdev/ministack/clock"
)

// Info returns a snapshot.
func (s *Sender) Info(now clock.Time) Info {
	st := &s.CC
	return Info{
		State: st.CA, MSS: st.MSS, Cwnd: st.Cwnd, Ssthresh: st.Ssthresh,
		Unacked: st.PacketsOut, Sacked: st.SackedOut, Lost: st.LostOut, Retrans: st.RetransOut,
		InFlight: st.InFlight(), Reordering: s.board.reordering,
		Backoff: s.RTT.Backoffs(), Retransmits: s.rto.retransmits,
		RTO: s.RTT.RTO(), SRTT: s.RTT.SRTT(), RTTVar: s.RTT.RTTVar(), MinRTT: s.RTT.MinRTT(),
		PacingRate: st.PacingRate, MaxPacingRate: st.MaxPacingRate,
		DeliveryRate:           s.rate.deliveryRate(st.MSS),
		DeliveryRateAppLimited: s.rate.wasLimited,
		Delivered:              st.Delivered, DeliveredCE: st.DeliveredCE,
		LostTotal: st.Lost, RetransTotal: s.total.retrans,
		ReordSeen: s.board.reordSeen, DSACKDups: s.board.dsackDups,
		BytesSent: s.total.bytesSent, BytesAcked: s.total.bytesAcked,
		BytesRetrans: s.total.bytesRetrans,
		TotalRTO:     s.rto.total, TotalRTORecoveries: s.rto.episodes, TotalRTOTime: s.rto.totalTime(now),
		TimeSinceLastSent: now.Sub(st.LastSent),
		Counters:          s.total.counters,
	}
}

// totalTime includes a run that lasts.
func (r *rtoState) totalTime(now clock.Time) time.Duration {
	if r.began == 0 {
		return r.time
	}
	return r.time + now.Sub(r.began)
}

// Counters returns the counts of rare events.
func (s *Sender) Counters() Counters {
	c := s.total.counters
	c.Hystart = s.CC.Hystart
	return c
}
