// Package netns runs a package's tests in a network namespace of their own, so
// that what they set up is nobody else's and no route leads out of it.
package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const (
	insideEnv  = "MINISTACK_WIRE_INSIDE"  // marks the process that runs in the namespace
	requireEnv = "MINISTACK_REQUIRE_WIRE" // makes a skipped test a failed one
)

// Main is the package's TestMain. It runs the tests again in a namespace: with
// root directly, without it inside a user namespace as well.
func Main(m *testing.M) {
	if os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	code, err := rerun()
	if err == nil {
		os.Exit(code)
	}
	fmt.Println("no network namespace:", err)
	if Required() {
		os.Exit(1)
	}
	fmt.Println("SKIP: the tests against the kernel need one")
}

// Required reports whether a test that this machine can run may not be skipped.
func Required() bool { return os.Getenv(requireEnv) != "" }

func rerun() (int, error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// IP runs ip(8), which must succeed.
func IP(t testing.TB, args string) {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}
