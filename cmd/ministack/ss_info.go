package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slankdev/ministack/control"
)

// The lines of ss -i and -e.

// infoLine is what decides how fast a connection is.
func infoLine(i *control.TCPInfo) string {
	return words(i.Congestion,
		when(i.Timestamps, "ts"), when(i.SACK, "sack"),
		when(i.WScale, fmt.Sprintf("wscale:%d,%d", i.SndWScale, i.RcvWScale)),
		"rto:"+ms(i.RTO),
		when(i.RTT > 0, "rtt:"+ms(i.RTT)+"/"+ms(i.RTTVar)),
		when(i.ATO > 0, "ato:"+ms(i.ATO)),
		"mss:"+strconv.Itoa(i.MSS),
		"cwnd:"+strconv.Itoa(i.Cwnd),
		nonzero("ssthresh", i.Ssthresh),
		nonzero("inflight", i.InFlight),
		when(i.DeliveryRate > 0, "delivery:"+rate(i.DeliveryRate)),
		when(i.ECN, "ecn"), when(i.ECNSeen, "ecnseen"), when(i.FastOpen, "fastopen"),
		when(i.AppLimited, "app_limited"))
}

// lossLine is what was lost and how that was found out; "" if nothing was.
func lossLine(i *control.TCPInfo) string {
	s := words(nonzero("unacked", i.Unacked), nonzero("sacked", i.Sacked), nonzero("lost", i.Lost), nonzero("retrans", i.Retrans))
	if i.TotalRetrans == 0 {
		return words(when(i.Sacked+i.Lost > 0, s), limited(i))
	}
	var how []string
	for _, h := range []struct {
		name  string
		count int
	}{{"fast", i.FastRetrans}, {"tlp", i.TLPProbes}, {"rto", i.Timeouts}} {
		if h.count > 0 {
			how = append(how, fmt.Sprintf("%s %d", h.name, h.count))
		}
	}
	r := fmt.Sprintf("rtx:%d", i.TotalRetrans)
	if len(how) > 0 {
		r += " (" + strings.Join(how, ", ") + ")"
	}
	return words(r, s, limited(i))
}

// limited is what the connection waited for, as shares of its life.
func limited(i *control.TCPInfo) string {
	if i.LimitedCwnd+i.LimitedApp+i.LimitedRwnd == 0 {
		return ""
	}
	return fmt.Sprintf("limited: cwnd %.0f%% app %.0f%% rwnd %.0f%%", 100*i.LimitedCwnd, 100*i.LimitedApp, 100*i.LimitedRwnd)
}

// extendedLine is the rest.
func extendedLine(i *control.TCPInfo) string {
	return words("ca:"+i.CAState, fmt.Sprintf("rcvmss:%d advmss:%d", i.RcvMSS, i.AdvMSS),
		fmt.Sprintf("bytes_sent:%d bytes_acked:%d", i.BytesSent, i.BytesAcked),
		fmt.Sprintf("bytes_received:%d segs_out:%d segs_in:%d", i.BytesReceived, i.SegsOut, i.SegsIn),
		share("busy", i.Busy, 0), share("rwnd_limited", i.RwndLimited, i.Busy), share("sndbuf_limited", i.SndbufLimited, i.Busy),
		when(i.BytesRetrans > 0, fmt.Sprintf("bytes_retrans:%d", i.BytesRetrans)),
		fmt.Sprintf("lastsnd:%d lastrcv:%d lastack:%d", i.LastSnd.Milliseconds(), i.LastRcv.Milliseconds(), i.LastAck.Milliseconds()),
		fmt.Sprintf("snd_wnd:%d rcv_wnd:%d rcv_space:%d rcv_ssthresh:%d", i.SndWnd, i.RcvWnd, i.RcvSpace, i.RcvSsthresh),
		nonzero("notsent", i.NotSent), nonzero("reordering", i.Reordering),
		when(i.MinRTT > 0, "minrtt:"+ms(i.MinRTT)),
		when(i.PacingRate > 0, "pacing:"+rate(i.PacingRate)))
}

// share is a time in milliseconds, with its part of the whole if there is one.
func share(name string, d, whole time.Duration) string {
	switch {
	case d < time.Millisecond:
		return ""
	case whole == 0:
		return fmt.Sprintf("%s:%dms", name, d.Milliseconds())
	}
	return fmt.Sprintf("%s:%dms(%.1f%%)", name, d.Milliseconds(), 100*float64(d)/float64(whole))
}

func when(cond bool, s string) string {
	if cond {
		return s
	}
	return ""
}

func nonzero(name string, n int) string { return when(n != 0, name+":"+strconv.Itoa(n)) }

// ms is a time in milliseconds, with as many digits as count.
func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'g', 6, 64)
}

// rate is bytes a second as bits a second.
func rate(bytes uint64) string {
	bits := float64(bytes) * 8
	for _, unit := range []string{"bps", "Kbps", "Mbps"} {
		if bits < 1000 {
			return strconv.FormatFloat(bits, 'f', 1, 64) + unit
		}
		bits /= 1000
	}
	return strconv.FormatFloat(bits, 'f', 1, 64) + "Gbps"
}
