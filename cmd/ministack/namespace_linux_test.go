package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/netdev"
)

// insideEnv marks the process that runs a test in a namespace of its own.
const insideEnv = "MINISTACK_TEST_INSIDE"

// requireEnv makes a skipped test a failed one.
const requireEnv = "MINISTACK_REQUIRE_WIRE"

func skip(t *testing.T, why string) {
	t.Helper()
	if os.Getenv(requireEnv) != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// inside runs the test again in network namespaces, and reports true there.
func inside(t *testing.T) bool {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.SysProcAttr = namespaces(os.Geteuid(), os.Getegid())
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Fatalf("%v\n%s", err, out)
	case err != nil:
		skip(t, "no network namespace: "+err.Error())
	case bytes.Contains(out, []byte("--- SKIP")):
		skip(t, string(out))
	}
	return false
}

func namespaces(uid, gid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: gid, Size: 1}}
	}
	return a
}

// program is ministack as a process. out is what it printed until it was ready.
type program struct {
	cmd  *exec.Cmd
	out  string
	err  bytes.Buffer // to be read when it has ended
	done chan error
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command("/proc/self/exe", args...), done: make(chan error, 1)}
	p.cmd.Env = append(os.Environ(), programEnv+"=1")
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p.cmd.Stdout, p.cmd.Stderr = w, &p.err
	require.NoError(t, p.cmd.Start())
	w.Close()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	go func() { p.done <- p.cmd.Wait() }()
	require.NoError(t, r.SetReadDeadline(time.Now().Add(20*time.Second)))
	buf := make([]byte, 4096)
	n, err := r.Read(buf)
	if err != nil {
		t.Fatalf("it does not get ready: %v, %v\n%s", err, <-p.done, p.err.String())
	}
	p.out = string(buf[:n])
	return p
}

// end sends a signal and waits for the end.
func (p *program) end(t *testing.T, sig os.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
	select {
	case err := <-p.done:
		require.NoError(t, err, p.err.String())
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
}

// link is how a stack meets the kernel here: a TAP, or a veth pair without.
func hostLink(t *testing.T) []string {
	d, err := netdev.OpenTAP("probe", netdev.TAPOptions{})
	if err == nil {
		d.Close()
		return []string{"--dev", "tap:ms0", "--host-addr", "10.9.0.1/24", "--addr", "10.9.0.2/24"}
	}
	require.NoError(t, netdev.AddVeth("ms0", "ms1"))
	host := deviceSpec{kind: "tap", name: "ms0"}
	host.host, err = parsePrefix("10.9.0.1/24")
	require.NoError(t, err)
	require.NoError(t, hostSide(&host))
	return []string{"--dev", "packet:ms1", "--addr", "10.9.0.2/24"}
}

// The program as the README has it: what it serves, what the kernel gets of
// it, and that it leaves nothing behind.
func TestRunServesTheKernelAndLeavesNothingBehind(t *testing.T) {
	if !inside(t) {
		return
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	dir := t.TempDir()
	page := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	require.NoError(t, os.WriteFile(dir+"/page", page, 0o644))
	dev := hostLink(t)
	p := start(t, append([]string{"run", "--serve", "echo:7,http:80=" + dir}, dev...)...)
	require.Regexp(t, `^ms[01]: (tap|packet) mtu 1500 link `+anyMAC+` addr 10\.9\.0\.2/24 (host 10\.9\.0\.1/24 )?ready\n$`, p.out)

	body, err := kernelGet("http://10.9.0.2/page")
	require.NoError(t, err)
	require.True(t, body == string(page))
	conn, err := net.Dial("tcp", "10.9.0.2:7")
	require.NoError(t, err)
	fmt.Fprint(conn, "hello")
	buf := make([]byte, 5)
	_, err = conn.Read(buf)
	require.NoError(t, err)

	out := command(t, "", "ss", "-tn")
	require.Zero(t, out.code, out.err)
	require.Regexp(t, `(?m)^ESTAB +0 +0 +10\.9\.0\.2:7 +10\.9\.0\.1:\d+ #\d+$`, out.out)

	p.end(t, syscall.SIGINT)
	require.Empty(t, p.err.String())
	_, err = conn.Read(buf)
	require.EqualError(t, err, "EOF", "the connection was closed in order")
	require.NotZero(t, command(t, "", "ss").code)
	left, err := os.ReadDir(os.Getenv("XDG_RUNTIME_DIR") + "/ministack")
	require.NoError(t, err)
	require.Empty(t, left)
	if dev[1] == "tap:ms0" {
		_, err = net.InterfaceByName("ms0")
		require.Error(t, err, "the TAP interface is gone")
	}
}

func TestRunEndsWhenToldByAClientOrWhenItsDeviceGoes(t *testing.T) {
	if !inside(t) {
		return
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	dev := hostLink(t)
	p := start(t, append([]string{"run", "--name", "one"}, dev...)...)
	c, err := find(&stackFlags{name: "one"})
	require.NoError(t, err)
	require.NoError(t, c.Shutdown())
	require.NoError(t, <-p.done)

	if dev[1] != "tap:ms0" {
		return
	}
	p = start(t, append([]string{"run"}, dev...)...)
	if out, err := exec.Command("ip", "link", "del", "ms0").CombinedOutput(); err != nil {
		p.end(t, syscall.SIGTERM)
		skip(t, "ip link del: "+string(out))
	}
	require.Error(t, <-p.done)
	require.Contains(t, p.err.String(), "device ms0 stopped")
}

// A tool may bring its own stack.
func TestAToolBringsItsOwnStack(t *testing.T) {
	if !inside(t) {
		return
	}
	args := append([]string{"ping", "-c", "2", "-i", "0.05"}, hostLink(t)...)
	r := command(t, "", append(args, "10.9.0.1")...)
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "2 packets transmitted, 2 received, 0% packet loss")
}

func TestAStackForwardsBetweenItsDevices(t *testing.T) {
	if !inside(t) {
		return
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if hostLink(t)[1] != "tap:ms0" {
		skip(t, "it takes two TAP interfaces")
	}
	p := start(t, "run", "--sysctl", "net.ipv4.ip_forward=1",
		"--dev", "tap:ms0", "--host-addr", "10.9.0.1/24", "--addr", "10.9.0.2/24",
		"--dev", "tap:ms1", "--host-addr", "10.8.0.1/24", "--addr", "10.8.0.2/24", "--mtu", "1400")
	require.Equal(t, 2, strings.Count(p.out, "ready\n"))
	out := command(t, "", "addr")
	require.Contains(t, out.out, "ms1: <BROADCAST,MULTICAST,UP> mtu 1400")
	require.Contains(t, out.out, "inet 10.8.0.2/24")
	require.Equal(t, "net.ipv4.ip_forward = 1\n", command(t, "", "sysctl", "net.ipv4.ip_forward").out)
	p.end(t, syscall.SIGTERM)
}

// A DHCP server of the host gives the address, and gets it back.
func TestRunWithALease(t *testing.T) {
	if !inside(t) {
		return
	}
	if _, err := exec.LookPath("dnsmasq"); err != nil {
		skip(t, "dnsmasq is not installed")
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	require.NoError(t, netdev.AddVeth("ms0", "ms1"))
	host, err := parsePrefix("10.9.0.1/24")
	require.NoError(t, err)
	require.NoError(t, hostSide(&deviceSpec{kind: "tap", name: "ms0", host: host}))
	server := exec.Command("dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root", "--port=0", "--interface=ms0",
		"--dhcp-range=10.9.0.50,10.9.0.50,255.255.255.0,2m", "--no-ping", "--dhcp-leasefile="+t.TempDir()+"/leases", "--pid-file=")
	var log bytes.Buffer
	server.Stderr = &log
	require.NoError(t, server.Start())
	p := start(t, "run", "--dev", "packet:ms1", "--dhcp")
	require.Regexp(t, `^ms1: packet mtu 1500 link `+anyMAC+` addr 10\.9\.0\.50/24 dhcp 10\.9\.0\.1 for 2m0s ready\n$`, p.out)
	p.end(t, syscall.SIGINT)
	require.NoError(t, server.Process.Signal(syscall.SIGTERM))
	_ = server.Wait() // it says that a signal ended it
	require.Contains(t, log.String(), "DHCPRELEASE(ms0) 10.9.0.50")
}
