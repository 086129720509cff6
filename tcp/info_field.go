package tcp

import (
	"time"

	"github.com/slankdev/ministack/tcp/cc"
)

// Options that a connection uses, the bits of tcpi_options.
const (
	InfoTimestamps = 1 << iota
	InfoSACK
	InfoWScale
	InfoECN     // negotiated
	InfoECNSeen // at least one packet with ECT came
	InfoSynData // the SYN carried data that the SYN-ACK acknowledged
	_
	InfoFastOpenChild // accepted by Fast Open
)

// infoFields are the members of Linux's struct tcp_info (linux/tcp.h) with its
// units: microseconds for times unless the name says otherwise, bytes, and
// segments.
var infoFields = map[string]func(i *Info) int64{
	"tcpi_state":                     func(i *Info) int64 { return int64(i.ConnState) },
	"tcpi_ca_state":                  func(i *Info) int64 { return int64(i.State) },
	"tcpi_retransmits":               func(i *Info) int64 { return int64(i.Retransmits) },
	"tcpi_probes":                    func(i *Info) int64 { return int64(i.Probes) },
	"tcpi_backoff":                   func(i *Info) int64 { return int64(i.Backoff) },
	"tcpi_options":                   func(i *Info) int64 { return int64(i.Options) },
	"tcpi_snd_wscale":                func(i *Info) int64 { return int64(i.SndWScale) },
	"tcpi_rcv_wscale":                func(i *Info) int64 { return int64(i.RcvWScale) },
	"tcpi_rto":                       func(i *Info) int64 { return i.RTO.Microseconds() },
	"tcpi_ato":                       func(i *Info) int64 { return i.ATO.Microseconds() },
	"tcpi_snd_mss":                   func(i *Info) int64 { return int64(i.MSS) },
	"tcpi_rcv_mss":                   func(i *Info) int64 { return int64(i.RcvMSS) },
	"tcpi_unacked":                   func(i *Info) int64 { return int64(i.Unacked) },
	"tcpi_sacked":                    func(i *Info) int64 { return int64(i.Sacked) },
	"tcpi_lost":                      func(i *Info) int64 { return int64(i.Lost) },
	"tcpi_retrans":                   func(i *Info) int64 { return int64(i.Retrans) },
	"tcpi_fackets":                   func(i *Info) int64 { return 0 },
	"tcpi_last_data_sent":            func(i *Info) int64 { return i.LastDataSent.Milliseconds() },
	"tcpi_last_ack_sent":             func(i *Info) int64 { return 0 },
	"tcpi_last_data_recv":            func(i *Info) int64 { return i.LastDataRecv.Milliseconds() },
	"tcpi_last_ack_recv":             func(i *Info) int64 { return i.LastAckRecv.Milliseconds() },
	"tcpi_pmtu":                      func(i *Info) int64 { return int64(i.PMTU) },
	"tcpi_rcv_ssthresh":              func(i *Info) int64 { return int64(i.RcvSsthresh) },
	"tcpi_rtt":                       func(i *Info) int64 { return i.SRTT.Microseconds() },
	"tcpi_rttvar":                    func(i *Info) int64 { return i.RTTVar.Microseconds() },
	"tcpi_snd_ssthresh":              func(i *Info) int64 { return int64(min(i.Ssthresh, cc.InfiniteSsthresh)) },
	"tcpi_snd_cwnd":                  func(i *Info) int64 { return int64(i.Cwnd) },
	"tcpi_advmss":                    func(i *Info) int64 { return int64(i.AdvMSS) },
	"tcpi_reordering":                func(i *Info) int64 { return int64(i.Reordering) },
	"tcpi_rcv_rtt":                   func(i *Info) int64 { return i.RcvRTT.Microseconds() },
	"tcpi_rcv_space":                 func(i *Info) int64 { return int64(i.RcvSpace) },
	"tcpi_total_retrans":             func(i *Info) int64 { return int64(i.RetransTotal) },
	"tcpi_pacing_rate":               func(i *Info) int64 { return int64(i.PacingRate) },
	"tcpi_max_pacing_rate":           func(i *Info) int64 { return maxPacing(i) },
	"tcpi_bytes_acked":               func(i *Info) int64 { return int64(i.BytesAcked) },
	"tcpi_bytes_received":            func(i *Info) int64 { return int64(i.BytesReceived) },
	"tcpi_segs_out":                  func(i *Info) int64 { return int64(i.SegsOut) },
	"tcpi_segs_in":                   func(i *Info) int64 { return int64(i.SegsIn) },
	"tcpi_notsent_bytes":             func(i *Info) int64 { return int64(i.NotSent) },
	"tcpi_min_rtt":                   func(i *Info) int64 { return minRTT(i) },
	"tcpi_data_segs_in":              func(i *Info) int64 { return int64(i.DataSegsIn) },
	"tcpi_data_segs_out":             func(i *Info) int64 { return int64(i.DataSegsOut) },
	"tcpi_delivery_rate":             func(i *Info) int64 { return int64(i.DeliveryRate) },
	"tcpi_busy_time":                 func(i *Info) int64 { return i.Busy.Microseconds() },
	"tcpi_rwnd_limited":              func(i *Info) int64 { return i.RwndLimited.Microseconds() },
	"tcpi_sndbuf_limited":            func(i *Info) int64 { return i.SndbufLimited.Microseconds() },
	"tcpi_delivered":                 func(i *Info) int64 { return int64(i.Delivered) },
	"tcpi_delivered_ce":              func(i *Info) int64 { return int64(i.DeliveredCE) },
	"tcpi_bytes_sent":                func(i *Info) int64 { return int64(i.BytesSent) },
	"tcpi_bytes_retrans":             func(i *Info) int64 { return int64(i.BytesRetrans) },
	"tcpi_dsack_dups":                func(i *Info) int64 { return int64(i.DSACKDups) },
	"tcpi_reord_seen":                func(i *Info) int64 { return int64(i.ReordSeen) },
	"tcpi_rcv_ooopack":               func(i *Info) int64 { return int64(i.RcvOooPack) },
	"tcpi_snd_wnd":                   func(i *Info) int64 { return int64(i.SndWnd) },
	"tcpi_rcv_wnd":                   func(i *Info) int64 { return int64(i.RcvWnd) },
	"tcpi_rehash":                    func(i *Info) int64 { return 0 },
	"tcpi_total_rto":                 func(i *Info) int64 { return int64(i.TotalRTO) },
	"tcpi_total_rto_recoveries":      func(i *Info) int64 { return int64(i.TotalRTORecoveries) },
	"tcpi_total_rto_time":            func(i *Info) int64 { return i.TotalRTOTime.Milliseconds() },
	"tcpi_fastopen_client_fail":      func(i *Info) int64 { return int64(i.FastOpenFail) },
	"tcpi_received_ce":               func(i *Info) int64 { return int64(i.ReceivedCE) },
	"tcpi_received_ce_bytes":         func(i *Info) int64 { return int64(i.ReceivedCEBytes) },
	"tcpi_received_e0_bytes":         func(i *Info) int64 { return int64(i.ReceivedECT0Bytes) },
	"tcpi_received_e1_bytes":         func(i *Info) int64 { return int64(i.ReceivedECT1Bytes) },
	"tcpi_delivery_rate_app_limited": func(i *Info) int64 { return int64(toInt(i.DeliveryRateAppLimited)) },
}

// maxPacing is all bits set where there is no bound.
func maxPacing(i *Info) int64 {
	if i.MaxPacingRate == 0 {
		return -1
	}
	return int64(i.MaxPacingRate)
}

// minRTT is Linux's value for "none yet" before the first sample.
func minRTT(i *Info) int64 {
	if i.MinRTT == 0 {
		return 1<<32 - 1
	}
	return int64(i.MinRTT / time.Microsecond)
}

// Field returns a member of struct tcp_info by its name, with Linux's units;
// false if there is none of that name.
func (i *Info) Field(name string) (int64, bool) {
	f, ok := infoFields[name]
	if !ok {
		return 0, false
	}
	return f(i), true
}
