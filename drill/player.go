package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/slankdev/ministack/clock"
)

// Verdict is how a script ended.
type Verdict string

// Verdicts.
const (
	Pass Verdict = "ok"
	Fail Verdict = "FAIL"
	Skip Verdict = "skip"
)

// Result is what came of a script.
type Result struct {
	Script  string  `json:"script"`
	Verdict Verdict `json:"verdict"`
	// Pos is where it failed, or the construct stands that is not supported.
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Event    string `json:"event,omitempty"` // the script's line
	Reason   string `json:"reason,omitempty"`
	Expected string `json:"expected,omitempty"` // the packet, with its time
	Actual   string `json:"actual,omitempty"`
	Trace    string `json:"trace,omitempty"` // what the stack did at that moment
}

// Config says how scripts are run.
type Config struct {
	// Symbols are names that stand for a value in scripts (-D NAME=VALUE).
	Symbols map[string]string
	// Sysctl are settings that every script starts from, before its own set-up.
	Sysctl map[string]string
	// Options are given to every script before its own, as --name=value.
	Options []Option
	// Seed is where the stack's random numbers come from; 0 stands for 1.
	Seed uint64
	// Verbose, if set, is told of each event as it is passed.
	Verbose io.Writer
	// Capture, if set, gets each packet with its time.
	Capture func(at time.Time, packet []byte)
}

// failure ends a script.
type failure struct {
	event            *Event
	reason           string
	expected, actual string
}

func (f *failure) Error() string { return f.reason }

// player runs one script.
type player struct {
	cfg    *Config
	script *Script
	host   *host
	start  clock.Time // when the script's time was 0
	last   clock.Time // of the event before: what relative times count from

	task    *task
	blocked *blockedCall

	files   map[int]*file
	under   *file // the socket under test: the one last connected or listening
	conn    *connection
	conns   []*connection
	pending []*decoded
	merged  bool // the segment in hand continues a packet of the script

	counters map[string]uint64 // as nstat last showed them
	vars     map[string]value  // of code blocks
}

// Run runs the script in a file. It never fails by itself: what is wrong is in
// the Result.
func Run(path string, cfg *Config) Result {
	script, err := ParseFile(path, symbols(cfg))
	if err != nil {
		return verdict(path, nil, err)
	}
	return RunScript(script, cfg)
}

// RunScript runs a parsed script on a stack of its own.
func RunScript(script *Script, cfg *Config) Result {
	script.Options = append(append([]Option{}, cfg.Options...), script.Options...)
	h, err := newHost(script, max(cfg.Seed, 1))
	if err != nil {
		return verdict(script.Path, nil, err)
	}
	p := &player{cfg: cfg, script: script, host: h, files: map[int]*file{}, counters: map[string]uint64{}, vars: map[string]value{}}
	defer func() { h.close(p.task) }()
	err = p.play()
	return verdict(script.Path, p, err)
}

// verdict turns the end of a run into a Result.
func verdict(path string, p *player, err error) Result {
	r := Result{Script: path, Verdict: Pass}
	var f *failure
	var s *SyntaxError
	var u *Unsupported
	switch {
	case err == nil:
		return r
	case errors.As(err, &u):
		r.Verdict, r.Line, r.Column, r.Reason = Skip, u.Pos.Line, u.Pos.Col, u.Construct+" is not supported"
	case errors.As(err, &s):
		r.Verdict, r.Line, r.Column, r.Reason = Fail, s.Pos.Line, s.Pos.Col, s.Text
	case errors.As(err, &f):
		r.Verdict, r.Line, r.Column, r.Event = Fail, f.event.Pos.Line, f.event.Pos.Col, f.event.Do.String()
		r.Reason, r.Expected, r.Actual = f.reason, f.expected, f.actual
		r.Trace = p.trace()
	default:
		r.Verdict, r.Reason = Fail, err.Error()
	}
	return r
}

func (p *player) play() error {
	if err := p.prepare(); err != nil {
		return err
	}
	p.start = p.host.clk.Now()
	p.last = p.start
	for _, e := range p.script.Events {
		if err := p.event(e); err != nil {
			return err
		}
		p.host.clk.settle(p.task)
		if e.Time.Kind != Setup {
			p.last = max(p.last, p.host.clk.Now())
		}
	}
	return p.awaitTask()
}

// prepare sets the stack up as the script's family expects it.
func (p *player) prepare() error {
	if !p.script.bringsSetup() {
		if err := p.setAll(plainSysctls); err != nil {
			return err
		}
	}
	return p.setAll(p.cfg.Sysctl)
}

// bringsSetup reports whether the script sets its host up by commands.
func (s *Script) bringsSetup() bool {
	for _, e := range s.Events {
		if e.Time.Kind == Setup {
			return true
		}
	}
	return false
}

func (p *player) setAll(settings map[string]string) error {
	for name, v := range settings {
		if err := p.host.stack.SetSysctl(name, v); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// due is when an event is to happen.
func (p *player) due(e *Event) clock.Time {
	switch e.Time.Kind {
	case Absolute:
		return p.start.Add(e.Time.Until)
	case Relative:
		return p.last.Add(e.Time.Until)
	}
	return p.host.clk.Now()
}

// earliest is the begin of a range.
func (p *player) earliest(e *Event) clock.Time { return p.due(e).Add(e.Time.At - e.Time.Until) }

// slack is how far off an outbound packet may be: the tolerance, or an eighth
// of the time that lies between it and the event before.
func (p *player) slack(e *Event) time.Duration {
	gap := p.due(e).Sub(p.last)
	return max(p.host.tolerance, time.Duration(float64(gap)*tolerancePercent/100))
}

// timing returns what is wrong with the time of a packet.
func (p *player) timing(e *Event, at clock.Time) string {
	if e.Time.Kind == Any {
		return ""
	}
	slack := p.slack(e)
	early, late := p.earliest(e).Add(-slack), p.due(e).Add(slack)
	switch {
	case at < early:
		return fmt.Sprintf("it came at %s, %s too early", p.since(at), inSeconds(p.earliest(e).Sub(at)))
	case at > late:
		return fmt.Sprintf("it came at %s, %s too late", p.since(at), inSeconds(at.Sub(p.due(e))))
	}
	return ""
}

// since is an instant in the script's time.
func (p *player) since(at clock.Time) string { return fmt.Sprintf("%.6f s", at.Sub(p.start).Seconds()) }

func (p *player) event(e *Event) error {
	if p.cfg.Verbose != nil {
		fmt.Fprintf(p.cfg.Verbose, "%s:%d: %10.6f %s\n", p.script.Path, e.Pos.Line, p.host.clk.Now().Sub(p.start).Seconds(), e.Do)
	}
	if k, ok := e.Do.(*Packet); ok && !k.Inbound {
		return p.outbound(e, k)
	}
	if e.Time.Kind != Setup {
		p.host.clk.driveTo(p.due(e), p.task, never)
	}
	if err := p.checkTask(); err != nil {
		return err
	}
	switch do := e.Do.(type) {
	case *Packet:
		return p.inbound(e, do)
	case *Call:
		return p.call(e, do)
	case *Command:
		return p.command(e, do)
	case *Code:
		return p.code(e, do)
	}
	return nil
}

func (p *player) fail(e *Event, format string, args ...any) error {
	return &failure{event: e, reason: fmt.Sprintf(format, args...)}
}

// mismatch is a failure that shows both packets.
func (p *player) mismatch(e *Event, s *segment, diff string) error {
	k := e.Do.(*Packet)
	syn := s.flags&flagSYN != 0
	c := p.conn
	seq := c.toScript(s.tcp.Seq, syn)
	text := fmt.Sprintf("> %s %d:%d(%d)", flagText(s.flags), seq, seq+uint32(len(s.payload)), len(s.payload))
	if s.flags&flagACK != 0 {
		text += fmt.Sprintf(" ack %d", c.peerToScript(s.tcp.Ack, syn))
	}
	text += fmt.Sprintf(" win %d", s.tcp.Window)
	if len(s.options) > 0 {
		text += " <" + listOptions(p.scriptOptions(c, &TCPFields{}, s.options)) + ">"
	}
	return &failure{event: e, reason: diff, expected: k.String(), actual: text}
}

func (p *player) capture(at clock.Time, packet []byte) {
	if p.cfg.Capture != nil {
		p.cfg.Capture(time.Unix(0, int64(at)), packet)
	}
}

// bound is the name that a socket is bound to.
func (p *player) bound(f *file) netip.AddrPort {
	name, err := f.sock.Getsockname()
	if err != nil || name.Addr().IsUnspecified() {
		return netip.AddrPortFrom(p.host.local, name.Port())
	}
	return name
}

// symbols are those that the public suites' own runners define for IPv4, and
// the caller's. The cookies are Linux's for the keys of defaults.sh and of
// zeros.
func symbols(cfg *Config) map[string]string {
	s := map[string]string{"TFO_COOKIE": "3021b9d889017eeb", "TFO_COOKIE_ZERO": "b7c12350a90dc8f5",
		"CODE": "host_unreachable", "CMSG_LEVEL_IP": "SOL_IP", "CMSG_TYPE_RECVERR": "IP_RECVERR"}
	for name, v := range cfg.Symbols {
		s[name] = v
	}
	return s
}

// Expand returns the scripts that a list of files and directories names.
func Expand(ctx context.Context, paths []string) ([]string, error) { return expand(ctx, paths) }

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ") + "\n"
}
