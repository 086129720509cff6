package trace

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/skb"
)

// expressions that tcpdump and we must agree on, packet by packet, or refuse
// both.
var expressions = strings.Split(strings.TrimSpace(`
tcp
udp
icmp
icmp6
igmp
arp
rarp
ip
ip6
not tcp
! tcp
not not tcp
host 10.9.0.1
src host 10.9.0.1
dst 10.9.0.2
src and dst host 10.0.0.9
src or dst host 10.9.0.1
ip host 10.9.0.1
arp host 10.9.0.1
rarp src host 10.9.0.1
host fe80::1
src host 2001:db8::2
dst host 2001:db8::2
net fe80::/10
ip6 net fe80::/10
net 10
net 10.9
net 10.9.0
net 10.9.0.0/24
net 10.9.0.0/16 and not net 10.9.0.0/24
net 10.9.0.0 mask 255.255.0.0
src net 10.9 and dst net 192.168.1.0/24
net 0.0.0.0/0
net 0
host 10.9
port 80
tcp port 80
udp port 80
src port 80
dst port 80
tcp src port 80
udp src or dst port 53
src and dst port 53
tcp dst or src port 443
port 0x50
port domain
tcp port http or https
port 80 or 443
port 80 or 443 and udp
tcp and port 80 or arp
arp or tcp and port 80
tcp or udp and port 53
port (80 or 443)
port (80 or not 443)
port not 80
not port 80 and 443
port 80 or not 443
not port (80 or 443)
port 80 or (443)
port 80 or (443 or 53)
port 80 or (443) or 53
port 80 or (host 1.2.3.4) or 53
portrange 80-81
portrange 81-80
portrange 53
tcp portrange 53-443
src portrange 1-1023
proto 6
proto 17 or 1
ip proto 6
ip proto \icmp
ip6 proto 6
ip6 proto 44
proto 300
host 10.9.0.1 and not 10.9.0.2
not host 10.9.0.1 or 10.0.0.9
src host 10.9.0.1 or port 80 or 53
host (10.9.0.1 or 1.2.3.4) and port 80
icmp or (tcp and not port 81)
tcp&&port 80
tcp||arp
not(tcp or udp)
((tcp))
10.9.0.1
80
tcp 80
ip 10.0.0.1
tcp and 80
(port 80) or 443
port 80 and (tcp or 90)
port 80 or (443 and tcp)
port 80 or 90 and tcp or 100
tcp port (80 or udp port 90)
ip port 80
icmp port 80
tcp host 1.2.3.4
tcp src 1.2.3.4
tcp net 10
ip6 host 1.2.3.4
arp host ::1
net 10.9.0.1/24
host 1.2.3.4/24
net 10.9.0.0/33
net 10.9.0.0 mask 255.0.255.0
net 10.9.0.0/16 mask 255.255.0.0
mask 1.2.3.4
host 1.2.3.256
host 1.2.3.4.5
port 99999
port -1
port 80-90
src
host
proto tcp
tcp proto 6
src proto 6
src dst port 80
host tcp
(tcp
tcp)
()
port ()
tcp udp
tcp src
not
and tcp
tcp or
tcp not udp
port 80 443
tcp ( port 80 )
icmp or 80
`), "\n")

// tcpdumpSays returns which frames pass by tcpdump's verdict, or that it
// refuses the expression.
func tcpdumpSays(t *testing.T, file, expr string) (passed map[int]bool, refused bool) {
	out := file + ".out"
	if err := exec.Command("tcpdump", "-r", file, "-w", out, "--", expr).Run(); err != nil {
		return nil, true
	}
	p, err := os.ReadFile(out)
	require.NoError(t, err)
	passed = map[int]bool{}
	for p = p[24:]; len(p) > 0; {
		passed[int(binary.LittleEndian.Uint32(p))] = true
		p = p[16+binary.LittleEndian.Uint32(p[8:]):]
	}
	return passed, false
}

func TestFiltersPassWhatTcpdumpPasses(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	all := frames(t)
	file := filepath.Join(t.TempDir(), "frames.pcap")
	require.NoError(t, os.WriteFile(file, pcapFile(all), 0o644))
	if _, refused := tcpdumpSays(t, file, "tcp"); refused {
		t.Skip("tcpdump cannot read a file here")
	}
	pool := skb.NewPool(nil)
	for _, expr := range expressions {
		want, refused := tcpdumpSays(t, file, expr)
		f, err := ParseFilter(expr)
		require.Equal(t, refused, err != nil, "%s: %v", expr, err)
		for i, frame := range all {
			if refused {
				break
			}
			b := received(pool, frame)
			require.Equal(t, want[i], f.Packet(b), "%s: frame %d, % x", expr, i, frame)
			b.Consume()
		}
	}
	require.Zero(t, pool.Count().Live)
}

// A packet of ours meets the filter before all of its headers are there; the
// verdict must not depend on that.
func TestFiltersJudgeWhatLeavesLikeWhatComes(t *testing.T) {
	pool := skb.NewPool(nil)
	for _, expr := range expressions {
		f, err := ParseFilter(expr)
		if err != nil {
			continue
		}
		for i, frame := range frames(t) {
			if frame[12] != 8 || frame[13] != 0 {
				continue
			}
			in := received(pool, frame)
			want := f.Packet(in)
			in.Consume()
			for _, early := range []bool{false, true} {
				if early && frame[20]|frame[21] != 0 {
					continue // a fragment is none before it is cut
				}
				out := leaving(pool, frame, early)
				require.Equal(t, want, f.Packet(out), "%s: frame %d, early %v", expr, i, early)
				out.Consume()
			}
		}
	}
	arp := pool.New(28)
	arp.Append(frames(t)[13][14:])
	arp.SetNetwork()
	f, err := ParseFilter("arp src host 10.9.0.1")
	require.NoError(t, err)
	require.True(t, f.Packet(arp))
}

func TestFilterErrorsSayWhatAndWhere(t *testing.T) {
	for expr, want := range map[string]string{
		"tcp port":            `column 9: a value is missing at the end`,
		"tcp prot 80":         `column 5: "prot" is not expected here`,
		"10.9.0.1":            `column 1: "10.9.0.1" is not a word of filters; an address or a port needs one before it, such as host or port`,
		"host web.example":    `column 6: "web.example" is not an address; names are not looked up`,
		"net 10.9.0.1/24":     `column 5: 10.9.0.1/24 has bits set outside its network, which is 10.9.0.0/24`,
		"(tcp or udp":         `column 12: a closing parenthesis is missing`,
		"tcp | udp":           `column 5: "|" is no operator here; there are &&, ||, ! and parentheses`,
		"tcp host 1.2.3.4":    `column 1: "tcp" does not go with "host"`,
		"port 70000":          `column 6: port 70000 is above 65535`,
		"ev=tcp.foo":          `column 1: no event and no layer is called "tcp.foo"`,
		"tcp sock=x":          `column 5: "x" is not a socket's number`,
		"why=":                `column 1: why= needs a reason, such as why=rto`,
		"tcp or ev=drop":      `column 8: ev=drop can only be joined by and`,
		"(ev=drop) and tcp":   `column 2: ev=drop can only be joined by and`,
		"color=red":           `column 1: "color" is not a word of filters; those with = are ev=, sock= and why=`,
		"tcp[13] & 2 != 0":    `column 9: "&" is no operator here; there are &&, ||, ! and parentheses`,
		"src proto 6":         `column 1: proto has no direction`,
		"ip6 host 10.0.0.1":   `column 10: "10.0.0.1" is not an address of ip6`,
		"ip proto \\chaos":    `column 10: no IP protocol is called "chaos"`,
		"portrange 1-x":       `column 11: "x" is not a port`,
		"port 80 and host":    `column 17: a value is missing at the end`,
		"net 1.2 mask 1.2.3x": `column 14: "1.2.3x" is not a netmask`,
	} {
		_, err := ParseFilter(expr)
		require.Error(t, err, expr)
		require.Contains(t, err.Error(), want)
	}
}

func TestEventWordsStandBesidePacketWords(t *testing.T) {
	for _, expr := range []string{"tcp port 80 ev=tcp.rtx,drop sock=7 why=rto", "ev=tcp.rtx,drop and tcp port 80 and sock=#7 and why=rto",
		"sock=7 and why=rto ev=tcp.rtx ev=drop and tcp and port 80"} {
		f, err := ParseFilter(expr)
		require.NoError(t, err, expr)
		require.Equal(t, []Event{TCPRtx, StackDrop}, f.Events, expr)
		require.Equal(t, uint32(7), f.Sock, expr)
		require.Equal(t, "rto", f.Why, expr)
		require.NotNil(t, f.Packet, expr)
	}
	f, err := ParseFilter("ev=neigh")
	require.NoError(t, err)
	require.Equal(t, []Event{ARPRx, ARPTx, NeighState, NeighHold, NeighRelease, NeighFail}, f.Events)
	require.Nil(t, f.Packet)
	f, err = ParseFilter("")
	require.NoError(t, err)
	require.Equal(t, &Filter{}, f)
}

func FuzzParseFilter(f *testing.F) {
	for _, e := range expressions {
		f.Add(e, []byte{0x45})
	}
	all := frames(f)
	pool := skb.NewPool(nil)
	f.Fuzz(func(t *testing.T, expr string, frame []byte) {
		parsed, err := ParseFilter(expr)
		if err != nil {
			e, ok := err.(*FilterError)
			require.True(t, ok)
			require.LessOrEqual(t, e.At, len(expr)+1)
			return
		}
		if parsed.Packet == nil {
			return
		}
		for _, p := range append(all, frame) {
			in := received(pool, p)
			parsed.Packet(in)
			in.Consume()
			bare := pool.New(len(p))
			bare.Append(p)
			bare.SetNetwork()
			parsed.Packet(bare)
			bare.Consume()
		}
	})
}

func BenchmarkFilterTCPPort(b *testing.B) {
	f, err := ParseFilter("tcp port 80")
	require.NoError(b, err)
	buf := received(skb.NewPool(nil), frames(b)[0])
	b.ReportAllocs()
	for b.Loop() {
		f.Packet(buf)
	}
}
