package drill

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/slankdev/ministack/tcp"
)

// shellCommand is one command with its words and what it reads.
type shellCommand struct {
	*player
	event *Event
	words []string
	input string
	depth int
}

// run runs the command: what it prints, and whether it succeeded.
func (c *shellCommand) run() (string, bool, error) {
	name := filepath.Base(c.words[0])
	switch {
	case name == "sysctl":
		return c.sysctl()
	case name == "set_sysctls.py":
		return c.setSysctls(c.words[1:])
	case strings.HasPrefix(name, "sysctl_restore"):
		return "", true, nil // each script has a stack of its own
	case name == "nstat":
		return c.nstat()
	case name == "grep":
		return c.grep()
	case name == "cat":
		text, err := c.readFiles(c.words[1:])
		return text, true, err
	case name == "ip":
		return c.ip()
	case name == "tc":
		return c.tc()
	case name == "sleep":
		return c.sleep()
	case name == "echo":
		return c.echo()
	case name == "true" || name == ":" || name == "ethtool" || name == "modprobe":
		return "", true, nil
	case name == "false":
		return "", false, nil
	case strings.HasSuffix(name, ".sh"):
		return c.include(c.words[0])
	}
	return c.unknown()
}

// unknown is the error for what is not mapped.
func (c *shellCommand) unknown() (string, bool, error) {
	return "", false, &SyntaxError{c.event.Pos, fmt.Sprintf("the command %q is not known", strings.Join(c.words, " "))}
}

// noEffect are settings of Linux that have no meaning here: those of
// super-segments that an offload cuts, and one that Linux itself ignores.
var noEffect = map[string]bool{
	"net.ipv4.tcp_fack":            true,
	"net.ipv4.tcp_tso_win_divisor": true,
	"net.ipv4.tcp_early_demux":     true,
	"net.ipv4.ip_early_demux":      true,
	"net.ipv4.tcp_low_latency":     true,
	"net.core.default_qdisc":       true,
	"net.core.optmem_max":          true,
}

func (c *shellCommand) sysctl() (string, bool, error) {
	var out strings.Builder
	for _, w := range c.words[1:] {
		if strings.HasPrefix(w, "-") {
			continue
		}
		name, v, set := strings.Cut(w, "=")
		if set {
			if err := c.set(name, v); err != nil {
				return "", false, err
			}
			continue
		}
		v, err := c.host.stack.Sysctl(dotted(name))
		if err != nil {
			return "", false, nil
		}
		fmt.Fprintf(&out, "%s = %s\n", name, v)
	}
	return out.String(), true, nil
}

// dotted turns /proc/sys/net/ipv4/x and net/ipv4/x into net.ipv4.x.
func dotted(name string) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.TrimSpace(name), "/proc/sys/"), "/", ".")
}

// fixed are settings of which this stack has one value only.
var fixed = map[string]string{
	"net.ipv4.tcp_fastopen_blackhole_timeout_sec": "0",
	"net.ipv4.tcp_shrink_window":                  "0",
	"net.ipv4.tcp_comp_sack_nr":                   "0",
	"net.ipv4.tcp_workaround_signed_windows":      "0",
	"net.ipv4.tcp_plb_enabled":                    "0",
}

func (c *shellCommand) set(name, v string) error {
	name = dotted(name)
	v = strings.Trim(strings.TrimSpace(v), `"'`)
	if noEffect[name] || fixed[name] != "" && fixed[name] == v {
		return nil
	}
	if n, err := strconv.ParseInt(v, 0, 64); err == nil {
		v = strconv.FormatInt(n, 10)
	}
	if err := c.host.stack.SetSysctl(name, v); err != nil {
		return &SyntaxError{c.event.Pos, fmt.Sprintf("%s=%s: %v", name, v, err)}
	}
	return nil
}

func (c *shellCommand) setSysctls(pairs []string) (string, bool, error) {
	for _, w := range pairs {
		name, v, ok := strings.Cut(w, "=")
		if !ok {
			return c.unknown()
		}
		if err := c.set(name, v); err != nil {
			return "", false, err
		}
	}
	return "", true, nil
}

// nstat prints the counters that changed since it last did.
func (c *shellCommand) nstat() (string, bool, error) {
	now := c.host.stack.Counters().All()
	var lines []string
	for name, v := range now {
		if d := v - c.counters[name]; d != 0 {
			lines = append(lines, fmt.Sprintf("%-32s%-16d0.0", name, d))
		}
		c.counters[name] = v
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n"), true, nil
}

// grep keeps the lines that match; it fails where none does.
func (c *shellCommand) grep() (string, bool, error) {
	var pattern string
	var files []string
	invert := false
	for _, w := range c.words[1:] {
		switch {
		case strings.HasPrefix(w, "-") && pattern == "":
			invert = invert || strings.Contains(w, "v")
		case pattern == "":
			pattern = w
		default:
			files = append(files, w)
		}
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return c.unknown()
	}
	text := c.input
	if len(files) > 0 {
		if text, err = c.readFiles(files); err != nil {
			return "", false, err
		}
	}
	var kept []string
	for _, line := range strings.Split(text, "\n") {
		if line != "" && re.MatchString(line) != invert {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n"), len(kept) > 0, nil
}

// readFiles are the files of /proc that scripts look at.
func (c *shellCommand) readFiles(names []string) (string, error) {
	text := ""
	for _, name := range names {
		switch {
		case name == "/proc/net/tcp":
			text += c.procTCP()
		case name == "/proc/net/tcp6":
		case strings.HasPrefix(name, "/proc/sys/"):
			v, err := c.host.stack.Sysctl(dotted(name))
			if err != nil {
				return "", &SyntaxError{c.event.Pos, err.Error()}
			}
			text += v + "\n"
		default:
			return "", &SyntaxError{c.event.Pos, fmt.Sprintf("the file %q is not known", name)}
		}
	}
	return text, nil
}

// procTCP is /proc/net/tcp, as far as addresses and states (proc(5)).
func (c *shellCommand) procTCP() string {
	var b strings.Builder
	n := 0
	c.host.stack.TCPSockets(func(e tcp.Entry) {
		fmt.Fprintf(&b, "%4d: %s %s %02X %08X:%08X\n", n, procAddr(e.Local), procAddr(e.Peer), uint8(e.State), e.SendQ, e.RecvQ)
		n++
	})
	return b.String()
}

func procAddr(a netip.AddrPort) string {
	v := [4]byte{}
	if a.Addr().Is4() {
		v = a.Addr().As4()
	}
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", v[3], v[2], v[1], v[0], a.Port())
}

// ip is ip route, ip link and ip tcp_metrics.
func (c *shellCommand) ip() (string, bool, error) {
	words := c.words[1:]
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		words = words[1:]
	}
	if len(words) == 0 {
		return c.unknown()
	}
	switch words[0] {
	case "tcp_metrics":
		return c.metrics(words[1:])
	case "route", "r", "ro":
		return c.route(words[1:])
	case "link", "l":
		if n, ok := after(words, "mtu"); ok {
			c.host.stack.Devices()[1].SetMTU(n)
			return "", true, nil
		}
	}
	return c.unknown()
}

// metrics forgets what is known of peers, Fast Open cookies among it.
func (c *shellCommand) metrics(words []string) (string, bool, error) {
	if len(words) == 0 || words[0] != "flush" && words[0] != "delete" && words[0] != "del" {
		return c.unknown()
	}
	c.host.stack.ForgetTCPMetrics(netip.Addr{})
	return "", true, nil
}

// route knows the metrics that scripts set: mtu.
func (c *shellCommand) route(words []string) (string, bool, error) {
	if len(words) == 0 {
		return c.unknown()
	}
	switch words[0] {
	case "flush", "show", "get":
		return "", true, nil
	}
	if n, ok := after(words, "mtu"); ok {
		c.host.stack.IP().UpdatePMTU(c.host.remote, n)
		return "", true, nil
	}
	return c.unknown()
}

// after returns the number behind a word.
func after(words []string, name string) (int, bool) {
	for i, w := range words {
		if w == "lock" && i+2 < len(words) && words[i+1] == name {
			return after(words[i+1:], name)
		}
		if w == name && i+1 < len(words) {
			n, err := strconv.Atoi(words[i+1])
			return n, err == nil
		}
	}
	return 0, false
}

// tc replaces the queue before the device. Queues that only shape are the same
// here; one with a limit of 0 drops everything.
func (c *shellCommand) tc() (string, bool, error) {
	if len(c.words) < 3 || c.words[1] != "qdisc" {
		return c.unknown()
	}
	limit := defaultQueue
	if n, ok := after(c.words, "limit"); ok && c.words[2] != "delete" {
		limit = n
	}
	c.host.stack.Devices()[1].SetTxQueueLen(limit)
	return "", true, nil
}

const defaultQueue = 1000

func (c *shellCommand) sleep() (string, bool, error) {
	if len(c.words) != 2 {
		return c.unknown()
	}
	v, err := strconv.ParseFloat(c.words[1], 64)
	if err != nil || v < 0 || v > 1e4 {
		return c.unknown()
	}
	c.host.clk.driveTo(c.host.clk.Now().Add(time.Duration(v*float64(time.Second))), c.task, never)
	return "", true, nil
}

// echo writes a setting: echo 1 > /proc/sys/net/ipv4/x.
func (c *shellCommand) echo() (string, bool, error) {
	for i, w := range c.words {
		if strings.HasPrefix(w, ">") {
			target := strings.TrimLeft(strings.Join(c.words[i:], ""), ">")
			return "", true, c.set(target, strings.Join(c.words[1:i], " "))
		}
	}
	return strings.Join(c.words[1:], " ") + "\n", true, nil
}
