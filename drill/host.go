package drill

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/trace"
)

// host is the machine that a script runs on: a stack of its own, one device,
// and the addresses that both sides use.
type host struct {
	stack  *ministack.Stack
	clk    *taskClock
	wire   *wire
	local  netip.Addr
	remote netip.Addr
	bits   int // of the local network

	bindPort, connectPort uint16
	nextPort              uint16

	mss       int           // of inbound super-segments; 0: they come whole
	tolerance time.Duration // of outbound packets' times
	tick      time.Duration // of outbound timestamps; 0: they are not checked
	ecrScaled bool          // inbound ecr counts ticks, too
	strict    bool          // a packet of the script is one packet on the wire
}

// Defaults of the language.
const (
	defaultTolerance = 4 * time.Millisecond
	tolerancePercent = 12.5
	bindPort         = 8080
	firstRemotePort  = 40001
)

// plainSysctls are what a script starts from that brings no set-up of its own:
// such scripts come from machines whose largest receive buffer was between 2 and 4 MB.
var plainSysctls = map[string]string{
	"net.ipv4.tcp_rmem": "4096 87380 3145728",
}

// plainTolerance is what such scripts' own runners give.
const plainTolerance = 14 * time.Millisecond

func newHost(s *Script, seed uint64) (*host, error) {
	h := &host{local: netip.MustParseAddr("192.168.0.1"), remote: netip.MustParseAddr("192.0.2.1"), bits: 16,
		bindPort: bindPort, connectPort: bindPort, nextPort: firstRemotePort, tolerance: defaultTolerance}
	h.clk = &taskClock{VirtualClock: clock.NewVirtual()}
	h.wire = &wire{clk: h.clk, mtu: 1500}
	if !s.bringsSetup() {
		h.tolerance = plainTolerance
	}
	for _, o := range s.Options {
		if err := h.option(o); err != nil {
			return nil, err
		}
	}
	stack, err := ministack.New(ministack.Config{Clock: h.clk, Rand: ministack.SeededRand(seed)})
	if err != nil {
		return nil, err
	}
	h.stack = stack
	h.stack.Tracer().Start(trace.Watch{})
	return h, h.up()
}

// up brings the device up with its address and a route to everywhere.
func (h *host) up() error {
	if _, err := h.stack.Attach(h.wire, "tun0"); err != nil {
		return err
	}
	if err := h.stack.AddAddr("tun0", netip.PrefixFrom(h.local, h.bits)); err != nil {
		return err
	}
	return h.stack.AddRoute(netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.Addr{}, "tun0")
}

// option applies a line --name=value.
func (h *host) option(o Option) (err error) {
	switch o.Name {
	case "local_ip":
		h.local, err = netip.ParseAddr(o.Value)
	case "remote_ip":
		h.remote, err = netip.ParseAddr(o.Value)
	case "netmask_ip":
		h.bits, err = maskBits(o.Value)
	case "mtu":
		h.wire.mtu, err = strconv.Atoi(o.Value)
	case "mss":
		h.mss, err = strconv.Atoi(o.Value)
	case "bind_port":
		err = setPort(&h.bindPort, o.Value)
	case "connect_port":
		err = setPort(&h.connectPort, o.Value)
	case "tolerance_usecs":
		err = setMicroseconds(&h.tolerance, o.Value)
	case "tcp_ts_tick_usecs":
		err = setMicroseconds(&h.tick, o.Value)
	case "tcp_ts_ecr_scaled":
		h.ecrScaled = true
	case "strict_segments":
		h.strict = true
	case "ip_version":
		if o.Value != "ipv4" && o.Value != "ipv4-mapped-ipv6" {
			return &Unsupported{o.Pos, "--ip_version=" + o.Value}
		}
	case "gateway_ip", "speed", "verbose", "non_fatal", "send_omit_free":
		// of the original's own host: there is none here
	default:
		return &Unsupported{o.Pos, "--" + o.Name}
	}
	if err == nil && (!h.local.Is4() || !h.remote.Is4()) {
		return &Unsupported{o.Pos, "IPv6"}
	}
	if err != nil {
		return &SyntaxError{o.Pos, fmt.Sprintf("--%s=%s: %v", o.Name, o.Value, err)}
	}
	return nil
}

func setPort(p *uint16, v string) error {
	n, err := strconv.ParseUint(v, 10, 16)
	*p = uint16(n)
	return err
}

func setMicroseconds(d *time.Duration, v string) error {
	n, err := strconv.ParseInt(v, 10, 32)
	*d = time.Duration(n) * time.Microsecond
	return err
}

func maskBits(v string) (int, error) {
	a, err := netip.ParseAddr(v)
	if err != nil || !a.Is4() {
		return 0, fmt.Errorf("not an IPv4 netmask")
	}
	bits := 0
	for _, b := range a.As4() {
		bits += strings.Count(strconv.FormatUint(uint64(b), 2), "1")
	}
	return bits, nil
}

// close ends the stack and every call that sleeps in it.
func (h *host) close(t *task) {
	_ = h.stack.Close() // nothing is left to fail
	for t != nil && !t.finished && t.poll() {
	}
}
