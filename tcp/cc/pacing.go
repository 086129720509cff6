package cc

import "time"

// Pacing ratios in percent: net.ipv4.tcp_pacing_ss_ratio, tcp_pacing_ca_ratio.
const (
	pacingSlowStart = 200
	pacingAvoidance = 120
)

// UpdatePacingRate sets the rate at which a paced connection sends: a window
// each SRTT, and more than that, so that pacing never is the bottleneck. In
// slow start the window doubles within the round trip, hence 200 %; the last
// half of it, near the threshold, already goes at 120 %.
func (st *State) UpdatePacingRate() {
	ratio := orDefault(st.AvoidancePacing, pacingAvoidance)
	if st.Cwnd < st.Ssthresh/2 {
		ratio = orDefault(st.SlowStartPacing, pacingSlowStart)
	}
	octets := uint64(st.MSS) * uint64(max(st.Cwnd, st.PacketsOut))
	rate := octets * ratio / 100 * uint64(time.Second/time.Microsecond)
	if us := uint64(st.SRTT / time.Microsecond); us != 0 {
		rate /= us
	}
	if st.MaxPacingRate != 0 {
		rate = min(rate, st.MaxPacingRate)
	}
	st.PacingRate = rate
}

func orDefault(percent, def int) uint64 {
	if percent == 0 {
		return uint64(def)
	}
	return uint64(percent)
}
