package drill

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A script says how TCP behaves, not how it behaves with the numbers that its
// author happened to choose. So every script is run again with other ones that
// leave its meaning as it is, and the verdict must stay.

// mutation changes a freshly parsed script, or the run; false if the script
// depends on what would change.
type mutation struct {
	name   string
	change func(m *mutant) bool
}

type mutant struct {
	text   string
	script *Script
	cfg    *Config
}

var mutations = []mutation{
	{"random numbers", func(m *mutant) bool { m.cfg.Seed = 4711; return true }},
	{"other random numbers", func(m *mutant) bool { m.cfg.Seed = 1 << 40; return true }},
	{"the peer's sequence numbers", otherPeerISN(1000003)},
	{"the peer's sequence numbers near the wrap", otherPeerISN(4294967000)},
	{"ports", otherPorts},
	{"addresses", otherAddresses},
	{"a later begin", laterBegin},
	{"sizes", otherSizes},
}

func TestChangedScriptsKeepTheirVerdict(t *testing.T) {
	dirs := []string{"../test/drill"}
	if _, err := os.Stat(publicSuites); err == nil {
		dirs = append(dirs, publicSuites)
	}
	verdicts := map[string]Verdict{}
	for _, dir := range dirs {
		for _, path := range scripts(t, dir) {
			verdicts[path] = Run(path, &Config{}).Verdict
		}
	}
	for _, change := range mutations {
		t.Run(change.name, func(t *testing.T) {
			done := 0
			for path, want := range verdicts {
				done += runChanged(t, path, want, change)
			}
			require.Greater(t, done, 10, "scripts that could be changed")
			t.Logf("%d scripts", done)
		})
	}
}

// runChanged returns 1 if the script could be changed.
func runChanged(t *testing.T, path string, want Verdict, change mutation) int {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	m := &mutant{text: string(text), cfg: &Config{}}
	m.script, err = Parse(path, m.text, symbols(m.cfg))
	require.NoError(t, err)
	if !change.change(m) {
		return 0
	}
	r := RunScript(m.script, m.cfg)
	require.Equal(t, want, r.Verdict, "%s:%d: %s\n%s\n%s\n%s", path, r.Line, r.Reason, r.Event, r.Expected, r.Actual)
	return 1
}

func (m *mutant) packets(fn func(k *Packet)) {
	for _, e := range m.script.Events {
		if k, ok := e.Do.(*Packet); ok {
			fn(k)
		}
	}
}

// otherPeerISN moves the numbers in SYNs of the script's side, and what
// acknowledges them; the other numbers count from there.
func otherPeerISN(by uint32) func(*mutant) bool {
	return func(m *mutant) bool {
		if strings.Contains(m.text, "> R") || strings.Contains(m.text, "< R") {
			return false // such may answer numbers that are not of the connection
		}
		m.packets(func(k *Packet) {
			t := k.TCP
			switch {
			case t == nil || t.Flags&flagSYN == 0:
			case k.Inbound:
				t.Seq, t.End = t.Seq+by, t.End+by
			case t.Flags&flagACK != 0:
				t.Ack += by
			}
		})
		return true
	}
}

func otherPorts(m *mutant) bool {
	if strings.Contains(m.text, "htons") || strings.Contains(m.text, "/proc/net/tcp") {
		return false
	}
	m.cfg.Options = []Option{{Name: "bind_port", Value: "65535"}, {Name: "connect_port", Value: "1"}}
	return true
}

// addressed matches scripts that name addresses, or depend on them by a Fast
// Open cookie.
var addressed = regexp.MustCompile(`FO|inet_addr|--(local|remote|gateway)_ip|ip route|\d+\.\d+\.\d+\.\d+`)

func otherAddresses(m *mutant) bool {
	if addressed.MatchString(m.text) {
		return false
	}
	m.cfg.Options = []Option{{Name: "local_ip", Value: "10.255.255.1"}, {Name: "remote_ip", Value: "203.0.113.254"}}
	return true
}

func laterBegin(m *mutant) bool {
	const by = 1234567 * time.Microsecond
	for _, e := range m.script.Events {
		if e.Time.Kind == Absolute {
			e.Time.At, e.Time.Until = e.Time.At+by, e.Time.Until+by
			if e.Time.Blocks {
				e.Time.Return += by
			}
		}
	}
	return true
}

// sized matches scripts whose meaning is tied to sizes of their own: buffers,
// the path MTU, fields that count bytes, options that take space or bound the data of a SYN.
var sized = regexp.MustCompile(`FO|icmp|udp|urg |BUF|LOWAT|MAXSEG|CLAMP|ioctl|splice|sendfile|TS val|md5|ECN |MSG_OOB|MSG_TRUNC|bytes|_mss|_wnd|_space|limited|notsent|--mss|--mtu|--strict|mtu|> [^\n]* win |"`)

// otherSizes makes all data a tenth smaller, segments with it. Numbers count
// from 1; a remainder of at most 2 is what SYN and FIN take.
func otherSizes(m *mutant) bool {
	if sized.MatchString(m.text) {
		return false
	}
	z := &resizer{ok: true, syn: map[bool]uint32{}}
	m.packets(z.packet)
	for _, e := range m.script.Events {
		if k, ok := e.Do.(*Call); ok {
			z.call(k)
		}
	}
	return z.ok
}

type resizer struct {
	ok  bool
	syn map[bool]uint32 // the numbers of the last SYNs, by k.Inbound
}

func (z *resizer) number(n uint32) uint32 {
	if n == 0 {
		return 0
	}
	rest := (n - 1) % 10
	z.ok = z.ok && rest <= 2
	return (n-1)/10*9 + rest + 1
}

func (z *resizer) length(n int) int {
	z.ok = z.ok && n%10 == 0
	return n / 10 * 9
}

func (z *resizer) packet(k *Packet) {
	t := k.TCP
	t.Len = z.length(t.Len)
	base := uint32(0) // what an acknowledgement counts from
	if t.Flags&flagSYN == 0 {
		t.Seq = z.number(t.Seq)
	} else {
		z.syn[k.Inbound], base = t.Seq, z.syn[!k.Inbound]
	}
	t.End = t.Seq + uint32(t.Len)
	if t.HasAck {
		t.Ack = base + z.number(t.Ack-base)
	}
	if k.Inbound && t.Win > 0 && t.Win%10 == 0 { // others are wide enough
		t.Win = z.length(t.Win)
	}
	for i := range t.Options {
		z.option(k, &t.Options[i])
	}
}

func (z *resizer) option(k *Packet, o *TCPOption) {
	switch o.Kind {
	case optMSS:
		if k.Inbound {
			z.ok = z.ok && o.Val <= 1460
			o.Val = uint32(z.length(int(o.Val)))
		}
	case optSACK:
		for i, b := range o.Blocks {
			o.Blocks[i] = [2]uint32{z.number(b[0]), z.number(b[1])}
		}
	}
}

var sizeArgument = map[string]int{"read": 2, "write": 2, "send": 2, "recv": 2, "sendto": 2, "recvfrom": 2}

func (z *resizer) call(k *Call) {
	switch i, ok := sizeArgument[k.Name]; {
	case ok:
		z.expr(k.Args[i])
	case strings.HasSuffix(k.Name, "msg"):
		for _, v := range (&caller{}).vector(k.Args[1]).Items {
			z.expr(v.Fields[1].Value)
		}
	case strings.HasSuffix(k.Name, "v"):
		for _, v := range k.Args[1].Items {
			z.expr(v.Fields[1].Value)
		}
	default:
		return
	}
	if k.Result != nil && k.Result.Kind == Number {
		z.expr(k.Result)
	}
}

func (z *resizer) expr(e *Expr) {
	if e.Kind == Number {
		e.Num = int64(z.length(int(e.Num)))
	}
}
