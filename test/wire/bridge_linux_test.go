package wire

import (
	"fmt"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	ministack "github.com/slankdev/ministack"
	"github.com/slankdev/ministack/bridge"
	"github.com/slankdev/ministack/netdev"
)

// A station is a kernel in a network namespace of its own, at the other end of
// a veth pair.
type station struct {
	pid  string
	near string // our end
}

func newStation(t *testing.T, n int) station {
	sleeper := exec.Command("sleep", "120")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	require.NoError(t, sleeper.Start())
	t.Cleanup(func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() })
	s := station{pid: strconv.Itoa(sleeper.Process.Pid), near: fmt.Sprintf("br%d", n)}
	ip(t, "link add "+s.near+" type veth peer name e0 netns "+s.pid)
	t.Cleanup(func() { _ = exec.Command("ip", "link", "del", s.near).Run() })
	ip(t, "link set "+s.near+" addrgenmode none up")
	s.run(t, "ip", "addr", "add", fmt.Sprintf("10.7.0.%d/24", n), "dev", "e0")
	s.run(t, "ip", "link", "set", "e0", "up")
	return s
}

// run runs a program in the station's namespace.
func (s station) run(t *testing.T, args ...string) string {
	out, err := exec.Command("nsenter", append([]string{"-t", s.pid, "-n"}, args...)...).CombinedOutput()
	require.NoError(t, err, "%v: %s", args, out)
	return string(out)
}

// await pings until there is an answer: a new veth throws its first frames away.
func (s station) await(addr string) {
	for range 20 {
		if exec.Command("nsenter", "-t", s.pid, "-n", "ping", "-c", "1", "-W", "1", addr).Run() == nil {
			return
		}
	}
}

// Two kernels talk through a stack of ours that joins their links, as a bridge
// and as a hub: pings, datagrams that come in fragments, and a stream that one
// kernel sends in super-segments with unfinished checksums.
func TestTwoKernelsTalkThroughABridge(t *testing.T) {
	need(t, "nsenter", "ping", "curl")
	for name, ageing := range map[string]time.Duration{"bridge": bridge.DefaultAgeing, "hub": 0} {
		t.Run(name, func(t *testing.T) {
			a, b := newStation(t, 1), newStation(t, 2)
			s, err := ministack.New(ministack.Config{})
			require.NoError(t, err)
			w := &wire{t: t, stack: s}
			t.Cleanup(w.close)
			for _, near := range []string{a.near, b.near} {
				d, err := netdev.OpenPacket(near, netdev.PacketOptions{})
				require.NoError(t, err)
				_, err = s.Attach(d, near)
				require.NoError(t, err)
			}
			_, err = s.NewBridge(ageing, a.near, b.near)
			require.NoError(t, err)
			a.await("10.7.0.2")
			require.Contains(t, a.run(t, "ping", "-c", "5", "-i", "0.2", "-W", "2", "10.7.0.2"), " 0% packet loss")
			require.Contains(t, a.run(t, "ping", "-c", "3", "-i", "0.2", "-s", "4000", "-W", "2", "10.7.0.2"), " 0% packet loss")
			transferBetween(t, a, b)
		})
	}
}

// transferBetween has station b fetch 20 MB from a.
func transferBetween(t *testing.T, a, b station) {
	dir := t.TempDir()
	require.NoError(t, exec.Command("sh", "-c", "head -c 20000000 /dev/urandom > "+dir+"/sent").Run())
	server := exec.Command("nsenter", "-t", a.pid, "-n", "sh", "-c", "(printf 'HTTP/1.0 200 OK\r\n\r\n'; cat "+dir+"/sent) | nc -N -l 80")
	require.NoError(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	b.run(t, "curl", "-s", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-m", "60", "-o", dir+"/got", "http://10.7.0.1/")
	require.NoError(t, exec.Command("cmp", dir+"/sent", dir+"/got").Run())
}
