package iperf3

import (
	"fmt"
	"strings"

	"github.com/slankdev/ministack/clock"
)

// report is what iperf3's own server would have printed, for clients that ask
// for it (--get-server-output).
type report struct {
	text strings.Builder
	from clock.Time // of the line that comes next
}

// maxReport bounds the lines of intervals, in bytes.
const maxReport = 512 << 10

// remarkColumn is where the last column begins.
const remarkColumn = 68

const rule = "- - - - - - - - - - - - - - - - - - - - - - - - -\n"

// start prints who is joined to whom.
func (r *report) start(t *test) {
	r.from = t.began
	if !t.p.ServerOutput {
		return
	}
	peer, _ := t.ctl.conn.Socket().Getpeername() // unknown is "invalid AddrPort"
	fmt.Fprintf(&r.text, "Accepted connection from %v, port %d\n", peer.Addr(), peer.Port())
	for _, s := range t.streams {
		a, _ := s.sock.Getsockname()
		b, _ := s.sock.Getpeername()
		fmt.Fprintf(&r.text, "[%3d] local %v port %d connected to %v port %d\n", s.id, a.Addr(), a.Port(), b.Addr(), b.Port())
	}
	r.title(t, true)
}

// title names the columns. With both directions at once rows differ: the title
// is then that of what both have.
func (r *report) title(t *test, interval bool) {
	role, more := "", ""
	switch {
	case t.p.Bidirectional:
		role = "[Role]"
	case t.p.UDP && t.p.Reverse && interval:
		more = "         Total Datagrams"
	case t.p.Reverse && t.p.TCP && interval:
		more = "         Retr  Cwnd"
	case t.p.Reverse && t.p.TCP:
		more = "         Retr"
	}
	if t.p.UDP && more == "" {
		more = "         Jitter    Lost/Total Datagrams"
	}
	fmt.Fprintf(&r.text, "[ ID]%s Interval           Transfer     Bitrate%s\n", role, more)
}

// interval prints what moved since the last line, unless that was just now.
func (r *report) interval(t *test, now clock.Time, omitting bool) {
	if now.Sub(r.from) < interval/10 || r.text.Len() > maxReport {
		return
	}
	remark := ""
	if omitting {
		remark = "  (omitted)"
	}
	v := span{from: r.from.Sub(t.began).Seconds(), to: now.Sub(t.began).Seconds(), remark: remark}
	r.rows(t, v, func(s *stream) counts {
		c := s.counts()
		moved := c.since(s.shown)
		s.shown = c
		return moved
	})
	r.from = now
}

// end prints the last interval and the sums, and returns the whole text.
func (r *report) end(t *test) string {
	if !t.p.ServerOutput {
		return ""
	}
	r.interval(t, t.began.Add(t.ran), false)
	r.text.WriteString(rule)
	r.title(t, false)
	r.rows(t, span{to: t.ran.Seconds(), last: true}, func(s *stream) counts { return s.counts().since(s.omitted) })
	return r.text.String()
}

// span is the time that rows stand for.
type span struct {
	from, to float64 // seconds
	remark   string
	last     bool // the sums of the whole test
}

// rows prints a row a stream, and one for the sum of each direction.
func (r *report) rows(t *test, v span, of func(*stream) counts) {
	for _, sends := range []bool{false, true} {
		var sum counts
		n := 0
		for _, s := range t.streams {
			if s.sends != sends {
				continue
			}
			c := of(s)
			sum, n = sum.plus(c), n+1
			r.row(t, v, fmt.Sprintf("%3d", s.id), sends, c)
		}
		if n > 1 {
			sum.jitter /= float64(n)
			sum.cwnd = 0
			r.row(t, v, "SUM", sends, sum)
		}
	}
}

func (r *report) row(t *test, v span, id string, sends bool, c counts) {
	role := ""
	if t.p.Bidirectional {
		role = map[bool]string{false: "[RX-S]", true: "[TX-S]"}[sends]
	}
	bits := 0.0
	if v.to > v.from {
		bits = 8 * float64(c.bytes) / (v.to - v.from)
	}
	remark := v.remark
	if v.last {
		remark = map[bool]string{false: "  receiver", true: "  sender"}[sends]
	}
	line := fmt.Sprintf("[%s]%s %6.2f-%-6.2f sec  %sBytes  %sbits/sec%s", id, role, v.from, v.to,
		scaled(float64(c.bytes), 1024), scaled(bits, 1000), details(t, v, sends, c))
	if remark != "" {
		line = fmt.Sprintf("%-*s%s", remarkColumn+len(role), line, remark)
	}
	r.text.WriteString(line + "\n")
}

// details are the columns that depend on what a row is about.
func details(t *test, v span, sends bool, c counts) string {
	switch {
	case t.p.TCP && sends && !v.last && c.cwnd > 0:
		return fmt.Sprintf("  %3d   %sBytes", c.retransmits, scaled(float64(c.cwnd), 1024))
	case t.p.TCP && sends:
		return fmt.Sprintf("  %3d", c.retransmits)
	case t.p.TCP:
		return ""
	case sends && !v.last && t.p.Bidirectional:
		return fmt.Sprintf("            %d", c.packets) // below the other direction's
	case sends && !v.last:
		return fmt.Sprintf("  %d", c.packets)
	}
	percent := 0.0
	if c.packets > 0 {
		percent = 100 * float64(c.errors) / float64(c.packets)
	}
	return fmt.Sprintf("  %5.3f ms  %d/%d (%.2g%%)", 1000*c.jitter, c.errors, c.packets, percent)
}

// scaled writes a number with three digits that count and the prefix of its
// unit.
func scaled(v, base float64) string {
	prefix := 0
	for v >= base && prefix < 4 {
		v, prefix = v/base, prefix+1
	}
	digits := 0
	switch {
	case v < 9.995:
		digits = 2
	case v < 99.95:
		digits = 1
	}
	return fmt.Sprintf("%4.*f %s", digits, v, []string{"", "K", "M", "G", "T"}[prefix])
}
