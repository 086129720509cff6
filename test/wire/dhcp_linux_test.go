package wire

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/dhcp"
	"github.com/slankdev/ministack/resolver"
)

// program is a server of the host that runs as long as its test.
type program struct {
	t     *testing.T
	lines chan string
}

// start starts a server and waits until it says that it is ready.
func (w *wire) start(ready, name string, args ...string) *program {
	cmd := exec.Command(name, args...)
	out, err := cmd.StderrPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, cmd.Start())
	p := &program{t: w.t, lines: make(chan string, 1000)}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
		close(p.lines)
	}()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p.expect(ready)
	return p
}

// expect waits for a line that contains text.
func (p *program) expect(text string) {
	p.t.Helper()
	var seen []string
	late := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-p.lines:
			if seen = append(seen, line); strings.Contains(line, text) {
				return
			}
			require.True(p.t, ok, "the server ended without saying %q:\n%s", text, strings.Join(seen, "\n"))
		case <-late:
			p.t.Fatalf("the server does not say %q:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

// lease has the stack, without the address that it has had, ask for one.
func (w *wire) lease() (*dhcp.Client, *dhcp.Lease) {
	require.NoError(w.t, w.stack.DelAddr("eth0", netip.MustParsePrefix(stackIP+"/24")))
	c, err := dhcp.Start(w.stack, dhcp.Config{Device: "eth0", Hostname: "ministack"})
	require.NoError(w.t, err)
	l, err := c.Wait(w.t.Context())
	require.NoError(w.t, err)
	require.Equal(w.t, netip.MustParseAddr(hostIP), l.Server)
	require.Equal(w.t, 24, l.Addr.Bits())
	require.Equal(w.t, 1400, w.stack.Devices()[1].MTU())
	w.must(10*time.Second, "ping", "-c", "1", l.Addr.Addr().String())
	return c, l
}

// dnsmasq gives the lease, is told of its end, and is then the name server that
// the lease named.
func TestDnsmasqGivesALease(t *testing.T) {
	need(t, "dnsmasq", "ping")
	for _, k := range ethernets(t) {
		t.Run(k.name, func(t *testing.T) { newWire(t, k).leaseOfDnsmasq() })
	}
}

func (w *wire) leaseOfDnsmasq() {
	t := w.t
	p := w.start("cleared cache", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--interface="+w.dev,
		"--no-resolv", "--no-hosts", "--address=/www.example.com/192.0.2.80", "--dhcp-range=10.9.0.50,10.9.0.60,255.255.255.0,2m",
		"--dhcp-option=option:mtu,1400", "--no-ping", "--log-facility=-", "--log-dhcp",
		"--dhcp-leasefile="+filepath.Join(t.TempDir(), "leases"), "--pid-file=")
	c, l := w.lease()
	addrs, err := resolver.New(w.stack, l.DNS...).LookupHost(t.Context(), "www.example.com")
	require.NoError(t, err)
	require.Equal(t, []string{"192.0.2.80"}, addrs)
	require.NoError(t, c.Close())
	p.expect("DHCPRELEASE")
}

// udhcpd, which first looks for somebody who has the address already, so that
// each lease takes seconds: on one link.
func TestUdhcpdGivesALease(t *testing.T) {
	need(t, "udhcpd", "ping")
	w := newWire(t, kinds(t)[0])
	conf := filepath.Join(t.TempDir(), "udhcpd.conf")
	leases := filepath.Join(t.TempDir(), "leases")
	require.NoError(t, os.WriteFile(leases, nil, 0o600))
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, "start 10.9.0.50\nend 10.9.0.60\ninterface %s\npidfile %s.pid\nlease_file %s\n"+
		"option subnet 255.255.255.0\noption router 10.9.0.1\noption mtu 1400\noption lease 120\n", w.dev, leases, leases), 0o600))
	w.start("max_leases", "udhcpd", "-f", conf)
	c, l := w.lease()
	require.Equal(t, []dhcp.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr(hostIP)}}, l.Routes)
	require.NoError(t, c.Close())
}
