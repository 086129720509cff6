package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/control"
)

// What people mistype and meet, and what they are told.
func TestErrorsSayWhatIsWrongAndWhatToDo(t *testing.T) {
	running(t)
	var b strings.Builder
	for _, line := range []string{
		"run",
		"run --addr 10.9.0.2/24",
		"run --dev tap",
		"run --dev eth0:x --addr 10.9.0.2/24",
		"run --dev tap:ms0 --addr 10.9.0.2",
		"run --dev tap:ms0 --addr banana",
		"run --dev tap:ms0 --mtu 12",
		"run --dhcp",
		"run --dev tap:ms0 --dhcp=perhaps",
		"run --dev packet:ms0 --host-addr 10.9.0.1/24",
		"run --dev tap:ms0 --impair loss=much",
		"run --dev tap:ms0 --sysctl net.ipv4.tcp_sack",
		"run --dev tap:ms0 --addr 10.9.0.2/24 --gw router",
		"run --dev tap:ms0 --serve http:80",
		"run --dev tap:ms0 --serve http:80=/nonexistent",
		"run --dev tap:ms0 --serve echo",
		"run --dev tap:ms0 --serve echo:70000",
		"run --dev tap:ms0 --serve gopher:70",
		"run --dev tap:ms0 --name a/b",
		"run --dev tap:ms0 --control /nonexistent/s",
		"run --dev tap:ms0 --name alpha",
		"fly",
		"ping",
		"ping web.example",
		"ping 10.9.0.2 10.9.0.3",
		"ping -c -1 10.9.0.2",
		"ping -s 65508 10.9.0.2",
		"ping -M maybe 10.9.0.2",
		"ping --bogus 10.9.0.2",
		"nc",
		"nc 10.9.0.2",
		"nc 10.9.0.2 http",
		"nc 10.9.0.2 20-25",
		"nc -l -z 80",
		"nc -k 10.9.0.2 80",
		"nc -l",
		"nc -z 10.9.0.2 0",
		"nc 10.9.0.2 81",
		"get",
		"get ftp://10.9.0.2/",
		"get http://web.example/",
		"get http://10.9.0.2:81/",
		"get -H nonsense http://10.9.0.2/",
		"ss extra",
		"addr flop",
		"addr add 10.9.0.3/24",
		"addr add dev eth0",
		"addr add 10.9.0.1/24 dev eth0",
		"addr add 10.9.0.3/24 dev eth9",
		"addr del 10.9.0.3/24 dev eth0",
		"addr show dev eth9",
		"route add",
		"route add default",
		"route add default via 192.0.2.1",
		"route add 10.9.0.1/24 dev eth0",
		"route add 10.8.0.0/24 via",
		"route del 10.8.0.0/24",
		"neigh add 10.9.0.9 dev eth0",
		"neigh add 10.9.0.9 lladdr zz dev eth0",
		"neigh del 10.9.0.9 dev eth0",
		"neigh del 10.9.0.9",
		"sysctl",
		"sysctl net.bogus",
		"sysctl -w net.ipv4.tcp_sack",
		"sysctl -w net.ipv4.ip_default_ttl=0",
		"trace tcp prot 80",
		"trace ev=tcp.bogus",
		"why web.example",
		"stats [",
		"ss --name beta",
	} {
		r := command(t, "", strings.Fields(line)...)
		require.NotZero(t, r.code, line)
		fmt.Fprintf(&b, "$ ministack %s\n%s%s[status %d]\n\n", line, r.out, r.err, r.code)
	}
	golden(t, "errors.txt", steady(b.String(), os.Getenv("XDG_RUNTIME_DIR"), "RUNTIME", `kill \d+`, "kill PID"))
}

func TestWithoutAStackToolsSayHowToGetOne(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	r := command(t, "", "ss")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "no running stack")
	require.Contains(t, r.err, "ministack run --dev tap:ms0")
}

func TestWithSeveralStacksToolsAskWhich(t *testing.T) {
	alpha, _ := running(t)
	l, err := control.Listen(control.Path("beta"))
	require.NoError(t, err)
	defer control.Serve(l, alpha, "beta").Close()
	r := command(t, "", "ss")
	require.Equal(t, 2, r.code)
	require.Equal(t, "ministack ss: there are several stacks: say which with --name, one of alpha, beta\n", r.err)
	require.Zero(t, command(t, "", "ss", "--name", "beta").code)
	require.Zero(t, command(t, "", "ss", "--control", control.Path("alpha")).code)
}

// Every command has a help text with an example, and no flag without a word of
// explanation.
func TestEveryCommandHelps(t *testing.T) {
	root := newRoot(&app{ctx: background})
	for _, c := range root.Commands() {
		r := command(t, "", c.Name(), "--help")
		require.Zero(t, r.code)
		require.Regexp(t, "Examples:\n  .*ministack "+c.Name(), r.out)
		require.Contains(t, r.out, c.Long)
	}
}
