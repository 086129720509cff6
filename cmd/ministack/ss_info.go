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
		when(i.AppLimited, "app_limited"))
}

// lossLine is what was lost and how that was found out; "" if nothing was.
func lossLine(i *control.TCPInfo) string {
	s := words(nonzero("unacked", i.Unacked), nonzero("sacked", i.Sacked), nonzero("lost", i.Lost), nonzero("retrans", i.Retrans))
	if i.TotalRetrans == 0 {
		return when(i.Sacked+i.Lost > 0, s)
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
	return words(r, s)
}

// extendedLine is the rest.
func extendedLine(i *control.TCPInfo) string {
	return words("ca:"+i.CAState, fmt.Sprintf("rcvmss:%d advmss:%d", i.RcvMSS, i.AdvMSS),
		fmt.Sprintf("bytes_sent:%d bytes_acked:%d", i.BytesSent, i.BytesAcked),
		when(i.BytesRetrans > 0, fmt.Sprintf("bytes_retrans:%d", i.BytesRetrans)),
		fmt.Sprintf("lastsnd:%d lastrcv:%d lastack:%d", i.LastSnd.Milliseconds(), i.LastRcv.Milliseconds(), i.LastAck.Milliseconds()),
		fmt.Sprintf("snd_wnd:%d rcv_wnd:%d rcv_space:%d rcv_ssthresh:%d", i.SndWnd, i.RcvWnd, i.RcvSpace, i.RcvSsthresh),
		nonzero("notsent", i.NotSent), nonzero("reordering", i.Reordering),
		when(i.MinRTT > 0, "minrtt:"+ms(i.MinRTT)),
		when(i.PacingRate > 0, "pacing:"+rate(i.PacingRate)))
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
