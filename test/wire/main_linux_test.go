// Package wire tests the stack with the kernel as its peer, in a network
// namespace that the tests make for themselves: no route leads out of it.
package wire

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// insideEnv marks the process that runs in the namespace.
const insideEnv = "MINISTACK_WIRE_INSIDE"

// requireEnv makes a skipped test a failed one.
const requireEnv = "MINISTACK_REQUIRE_WIRE"

// TestMain runs the tests again in a network namespace of their own: with root
// directly, without it inside a user namespace as well.
func TestMain(m *testing.M) {
	if os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	code, err := rerun()
	if err == nil {
		os.Exit(code)
	}
	fmt.Println("no network namespace:", err)
	if os.Getenv(requireEnv) != "" {
		os.Exit(1)
	}
	fmt.Println("SKIP: the tests against the kernel need one")
}

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
