package control

import (
	"time"

	"github.com/slankdev/ministack/tcp"
	"github.com/slankdev/ministack/tcp/cc"
)

// TCPInfo is what ss -i shows of a connection.
type TCPInfo struct {
	Congestion   string        `json:"congestion"`
	CAState      string        `json:"ca_state"`
	SACK         bool          `json:"sack"`
	Timestamps   bool          `json:"ts"`
	WScale       bool          `json:"wscale"`
	SndWScale    int           `json:"snd_wscale"`
	RcvWScale    int           `json:"rcv_wscale"`
	RTO          time.Duration `json:"rto"`
	RTT          time.Duration `json:"rtt"`
	RTTVar       time.Duration `json:"rttvar"`
	MinRTT       time.Duration `json:"minrtt"`
	ATO          time.Duration `json:"ato"`
	MSS          int           `json:"mss"`
	RcvMSS       int           `json:"rcvmss"`
	AdvMSS       int           `json:"advmss"`
	Cwnd         int           `json:"cwnd"`
	Ssthresh     int           `json:"ssthresh"` // 0: never set
	InFlight     int           `json:"inflight"`
	Unacked      int           `json:"unacked"`
	Sacked       int           `json:"sacked"`
	Lost         int           `json:"lost"`
	Retrans      int           `json:"retrans"`       // under way
	TotalRetrans int           `json:"total_retrans"` // segments
	FastRetrans  int           `json:"fast_retrans"`
	TLPProbes    int           `json:"tlp"`
	Timeouts     int           `json:"timeouts"`
	BytesSent    uint64        `json:"bytes_sent"`
	BytesAcked   uint64        `json:"bytes_acked"`
	BytesRetrans uint64        `json:"bytes_retrans"`
	SndWnd       int           `json:"snd_wnd"`
	RcvWnd       int           `json:"rcv_wnd"`
	RcvSpace     int           `json:"rcv_space"`
	RcvSsthresh  int           `json:"rcv_ssthresh"`
	NotSent      int           `json:"notsent"`
	DeliveryRate uint64        `json:"delivery_rate"` // bytes a second
	PacingRate   uint64        `json:"pacing_rate"`   // bytes a second, 0: not paced
	Reordering   int           `json:"reordering"`
	LastSnd      time.Duration `json:"lastsnd"`
	LastRcv      time.Duration `json:"lastrcv"`
	LastAck      time.Duration `json:"lastack"`
	AppLimited   bool          `json:"app_limited,omitempty"`
	ECN          bool          `json:"ecn,omitempty"`
	ECNSeen      bool          `json:"ecnseen,omitempty"`
	FastOpen     bool          `json:"fastopen,omitempty"` // data in the SYN was used
	// How long there was something to send, and how much of that the peer's
	// window or the send buffer was what it waited for.
	Busy          time.Duration `json:"busy,omitempty"`
	RwndLimited   time.Duration `json:"rwnd_limited,omitempty"`
	SndbufLimited time.Duration `json:"sndbuf_limited,omitempty"`
	// The shares of the connection's life that it waited for the network, for
	// the application, and for the peer's window.
	LimitedCwnd   float64 `json:"limited_cwnd"`
	LimitedApp    float64 `json:"limited_app"`
	LimitedRwnd   float64 `json:"limited_rwnd"`
	BytesReceived uint64  `json:"bytes_received"`
	SegsIn        int     `json:"segs_in"`
	SegsOut       int     `json:"segs_out"`
}

func tcpInfo(i *tcp.Info) *TCPInfo {
	t := &TCPInfo{
		Congestion: i.Congestion, CAState: i.State.String(), SACK: i.SACK, Timestamps: i.Timestamps, WScale: i.WScale,
		SndWScale: int(i.SndWScale), RcvWScale: int(i.RcvWScale),
		RTO: i.RTO, RTT: i.SRTT, RTTVar: i.RTTVar, MinRTT: i.MinRTT, ATO: i.ATO,
		MSS: i.MSS, RcvMSS: i.RcvMSS, AdvMSS: i.AdvMSS, Cwnd: i.Cwnd, InFlight: i.InFlight,
		Unacked: i.Unacked, Sacked: i.Sacked, Lost: i.Lost, Retrans: i.Retrans, TotalRetrans: int(i.RetransTotal),
		FastRetrans: int(i.Counters.FastRetrans), TLPProbes: int(i.Counters.LossProbes), Timeouts: i.TotalRTO,
		BytesSent: i.BytesSent, BytesAcked: i.BytesAcked, BytesRetrans: i.BytesRetrans,
		SndWnd: i.SndWnd, RcvWnd: i.RcvWnd, RcvSpace: i.RcvSpace, RcvSsthresh: i.RcvSsthresh, NotSent: i.NotSent,
		DeliveryRate: i.DeliveryRate, PacingRate: i.PacingRate, Reordering: i.Reordering,
		LastSnd: i.LastDataSent, LastRcv: i.LastDataRecv, LastAck: i.LastAckRecv, AppLimited: i.DeliveryRateAppLimited,
	}
	t.ECN, t.ECNSeen, t.FastOpen = i.Options&tcp.InfoECN != 0, i.Options&tcp.InfoECNSeen != 0, i.Options&tcp.InfoSynData != 0
	t.Busy, t.RwndLimited, t.SndbufLimited = i.Busy, i.RwndLimited, i.SndbufLimited
	t.BytesReceived, t.SegsIn, t.SegsOut = i.BytesReceived, int(i.SegsIn), int(i.SegsOut)
	t.LimitedCwnd, t.LimitedApp, t.LimitedRwnd = i.Limited()
	if i.Ssthresh < cc.InfiniteSsthresh { // slow start has ended
		t.Ssthresh = i.Ssthresh
	}
	return t
}
