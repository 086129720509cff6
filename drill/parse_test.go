package drill

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const begin = "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"

// What the runner does not know is named, with its place; it is never passed
// over.
func TestConstructsThatAreNotSupportedAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"+0 < ipv6 . 1:1(0)":                          `2:6: a packet with the header "ipv6" is not supported`,
		"+0 < S 0:0(0) win 1 <mss 1,mptcp 3>":         `2:28: the TCP option "mptcp" is not supported`,
		"+0 > S 0:0(0) <FO NO_SUCH_SYMBOL>":           `2:19: the cookie "NO_SUCH_SYMBOL", which no -D defines, is not supported`,
		"+0 < [flux] . 1:1(0) ack 1 win 1":            `2:6: the IP field "flux" is not supported`,
		"+0 ioperm(1, 2, 3) = 0":                      `2:1: ioperm() is not supported`,
		"+0 setsockopt(3, SOL_FLUX, 1, [1], 4) = 0":   `2:18: SOL_FLUX is not supported`,
		"+0 %{ assert tcpi_flux == 1 }%":              `"tcpi_flux" is not supported`,
		"+0 %{ for i in 1: pass }%":                   `"for" in code is not supported`,
		"+0 listen(3, 1) = -1 EFLUX":                  `EFLUX is not supported`,
		"+0 sendmsg(3, {msg_control=[{a=1}]}, 0) = 0": `msg_control of sendmsg() is not supported`,
		"+0 recvmsg(3, {msg_control=[{a=1}]}, 0) = 0": `msg_control of this form is not supported`,
		"+0 recvmsg(3, {msg_control=[{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data=1}]}, 0) = 0": `a control message of level 1 and type 37 is not supported`,
		"+0 < [ect0, flowlabel 5] . 1:1(0) ack 1":       `2:6: the IP field "flowlabel" is not supported`,
		"+0 < 10.0.0.1:80 > 10.0.0.2:90 . 1:1(0) ack 1": `2:6: a packet with addresses of its own is not supported`,
	} {
		script, err := Parse("x.pkt", begin+text, nil)
		r := verdict("x.pkt", nil, err)
		if err == nil {
			r = RunScript(script, &Config{})
		}
		require.Equal(t, Skip, r.Verdict, "%s: %s", text, r.Reason)
		require.Contains(t, (&Unsupported{Pos{r.Line, r.Column}, r.Reason}).Error(), want)
	}
}

func TestMistakesHaveAPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "1:1: a script without events",
		"0 < S 0:1(0)":               "1:13: 0:1 is not 0 bytes",
		"0 < X 0:0(0)":               "1:5: expected the flags of a segment, found \"X 0:0(0)\"",
		"+.2~+.1 > . 1:1(0)":         "the range ends before it begins",
		"0 `sysctl":                  "\"`\" is missing",
		"0...1 < . 1:1(0)":           "only a call can block",
		"0 %{ assert 1 == }%":        "expected a value",
		"0 socket(..., \"a) = 3":     "a string without an end",
		"0 close(3) = 0\n5 what?\n":  "2:7: expected \"(\"",
		"0 < . 1:1(0) ack 1 <mss x>": "expected a number",
	} {
		script, err := Parse("x.pkt", text, nil)
		r := verdict("x.pkt", nil, err)
		if err == nil {
			r = RunScript(script, &Config{})
		}
		require.Equal(t, Fail, r.Verdict, text)
		require.Contains(t, (&SyntaxError{Pos{r.Line, r.Column}, r.Reason}).Error(), want)
	}
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]When{
		"0":         {},
		".25":       {At: 250 * time.Millisecond, Until: 250 * time.Millisecond},
		"+1.5":      {Kind: Relative, At: 1500 * time.Millisecond, Until: 1500 * time.Millisecond},
		"*":         {Kind: Any},
		"+.1~+.2":   {Kind: Relative, At: 100 * time.Millisecond, Until: 200 * time.Millisecond, IsRange: true},
		"0.1~0.2":   {At: 100 * time.Millisecond, Until: 200 * time.Millisecond, IsRange: true},
		"+0...0.01": {Kind: Relative, Blocks: true, Return: 10 * time.Millisecond},
	} {
		s, err := Parse("x.pkt", text+" close(3) = 0", nil)
		require.NoError(t, err, text)
		require.Equal(t, want, s.Events[0].Time, text)
	}
}

// What the runner writes of an option is what it reads, on the wire and back.
func TestOptionsReadAsTheyAreWritten(t *testing.T) {
	const text = "mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7,sack 1:2 3:4,FO 0102,FOEXP abcd,ECN e0b 1 ceb 2 e1b 3,ECN e1b 70000,eol"
	s, err := Parse("x.pkt", "0 < . 1:1(0) ack 1 <"+text+">", nil)
	require.NoError(t, err)
	options := s.Events[0].Do.(*Packet).TCP.Options
	require.Equal(t, text, listOptions(options))
	var back []TCPOption
	for i := range options {
		back = append(back, readOption(writeOption(&options[i])))
	}
	require.Equal(t, text, listOptions(back))
}

// The original's rule: 4 ms, or an eighth of the time since the event before.
func TestTolerance(t *testing.T) {
	p := &player{host: &host{tolerance: defaultTolerance}}
	e := &Event{Time: When{Kind: Relative, At: 10 * time.Millisecond, Until: 10 * time.Millisecond}}
	require.Equal(t, 4*time.Millisecond, p.slack(e))
	e.Time.At, e.Time.Until = time.Second, time.Second
	require.Equal(t, 125*time.Millisecond, p.slack(e))
	require.Empty(t, p.timing(e, p.last.Add(876*time.Millisecond)))
	require.Contains(t, p.timing(e, p.last.Add(874*time.Millisecond)), "too early")
	require.Contains(t, p.timing(e, p.last.Add(1126*time.Millisecond)), "too late")
}

// FuzzParse: any text is a script, a mistake with a place, or a construct that
// is not supported.
func FuzzParse(f *testing.F) {
	f.Add(begin + "+0 < S 0:0(0) win 1 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7,FO 01020304,nop,nop>\n")
	f.Add("--mss=1000\n`defaults.sh`\n0...1 sendmsg(4, {msg_iov(1)=[{..., 5}], msg_flags=0}, MSG_MORE|1) = -1 EPIPE (x)\n")
	f.Add("0 %{ assert tcpi_x == 'a' % 3, 1 << 2; x += -1 }%\n* > icmp unreachable frag_needed mtu 5 [1:2(1)]\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse("fuzz.pkt", text, map[string]string{"A": "1"})
		if err == nil {
			require.NotEmpty(t, s.Events)
		}
	})
}
