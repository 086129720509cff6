package main

import (
	"fmt"
	"io"
	"math"
	"net/netip"
	"time"

	"github.com/slankdev/ministack/control"
)

// pingReport prints a run as ping of iputils does.
type pingReport struct {
	out, err     io.Writer
	quiet, stamp bool
	dst          netip.Addr
	size         int
	began, ended time.Time

	sent, received, dups, errors int
	min, max                     time.Duration
	sum, squares                 float64 // milliseconds
}

func (r *pingReport) begin() {
	fmt.Fprintf(r.out, "PING %s (%s) %d(%d) bytes of data.\n", r.dst, r.dst, r.size, r.size+28)
}

func (r *pingReport) line(format string, args ...any) {
	if r.quiet {
		return
	}
	if r.stamp {
		fmt.Fprintf(r.out, "[%.6f] ", float64(time.Now().UnixMicro())/1e6)
	}
	fmt.Fprintf(r.out, format+"\n", args...)
}

func (r *pingReport) event(e control.PingEvent) {
	if r.ended.IsZero() {
		r.begin()
	}
	r.ended = time.Now()
	switch e.Kind {
	case "sent":
		r.sent++
	case "reply":
		r.reply(&e)
	case "error":
		r.errors++
		r.line("From %s icmp_seq=%d %s", e.From, e.Seq, icmpText(&e))
	case "failed":
		r.sent++
		r.errors++
		fmt.Fprintf(r.err, "ping: sendmsg: %s\n", capitalize(e.Error))
	}
}

func (r *pingReport) reply(e *control.PingEvent) {
	note := ""
	if e.Dup {
		r.dups++
		note = " (DUP!)"
	} else {
		r.received++
	}
	if r.received == 1 || e.RTT < r.min {
		r.min = e.RTT
	}
	r.max = max(r.max, e.RTT)
	ms := float64(e.RTT) / 1e6
	r.sum += ms
	r.squares += ms * ms
	r.line("%d bytes from %s: icmp_seq=%d ttl=%d time=%s ms%s", e.Bytes, e.From, e.Seq, e.TTL, milliseconds(e.RTT), note)
}

// milliseconds has three digits that count.
func milliseconds(d time.Duration) string {
	ms := float64(d) / 1e6
	switch {
	case ms >= 99.95:
		return fmt.Sprintf("%.0f", ms)
	case ms >= 9.995:
		return fmt.Sprintf("%.1f", ms)
	case ms >= 0.9995:
		return fmt.Sprintf("%.2f", ms)
	}
	return fmt.Sprintf("%.3f", ms)
}

// end prints the summary and returns the exit status.
func (r *pingReport) end() error {
	fmt.Fprintf(r.out, "\n--- %s ping statistics ---\n%d packets transmitted, %d received", r.dst, r.sent, r.received)
	if r.dups > 0 {
		fmt.Fprintf(r.out, ", +%d duplicates", r.dups)
	}
	if r.errors > 0 {
		fmt.Fprintf(r.out, ", +%d errors", r.errors)
	}
	if r.sent > 0 {
		fmt.Fprintf(r.out, ", %.6g%% packet loss, time %dms", 100*float64(r.sent-r.received)/float64(r.sent), r.ended.Sub(r.began).Milliseconds())
	}
	fmt.Fprintln(r.out)
	if n := float64(r.received + r.dups); n > 0 {
		mean := r.sum / n
		mdev := math.Sqrt(max(r.squares/n-mean*mean, 0))
		fmt.Fprintf(r.out, "rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", float64(r.min)/1e6, mean, float64(r.max)/1e6, mdev)
		return nil
	}
	return exitCode(1)
}

// icmpText is what an ICMP error says, in ping's words.
func icmpText(e *control.PingEvent) string {
	switch e.Type {
	case 3:
		if e.Code == 4 {
			return fmt.Sprintf("Frag needed and DF set (mtu = %d)", e.MTU)
		}
		if e.Code < len(unreachables) {
			return unreachables[e.Code]
		}
	case 11:
		return [...]string{"Time to live exceeded", "Frag reassembly time exceeded"}[e.Code&1]
	case 12:
		return "Parameter problem"
	}
	return fmt.Sprintf("ICMP error type %d code %d", e.Type, e.Code)
}

var unreachables = []string{"Destination Net Unreachable", "Destination Host Unreachable", "Destination Protocol Unreachable",
	"Destination Port Unreachable", "", "Source Route Failed", "Destination Net Unknown", "Destination Host Unknown",
	"Source Host Isolated", "Destination Net Prohibited", "Destination Host Prohibited", "Destination Net Unreachable for Type of Service",
	"Destination Host Unreachable for Type of Service", "Packet filtered", "Precedence Violation", "Precedence Cutoff"}
