package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/netdev"
)

// demoEnv marks the process that runs inside the namespaces.
const demoEnv = "MINISTACK_DEMO_INSIDE"

var (
	demoHost  = netip.MustParsePrefix("10.9.0.1/24")
	demoStack = netip.MustParsePrefix("10.9.0.2/24")
)

// demo runs itself again in namespaces of its own, so that it neither needs
// rights outside nor touches anything there.
func (a *app) demo(f *demoFlags) error {
	if os.Getenv(demoEnv) != "" {
		return a.demoInside(f)
	}
	cmd := exec.CommandContext(a.ctx, "/proc/self/exe", f.args()...)
	cmd.Env = append(os.Environ(), demoEnv+"=1")
	cmd.Stdout, cmd.Stderr = a.out, a.err
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exitCode(exit.ExitCode())
	case errors.As(err, &exit):
		return fmt.Errorf("the demo was ended: %w", err)
	case err != nil:
		return refused(err)
	}
	return nil
}

// args are the flags again.
func (f *demoFlags) args() []string {
	return []string{"demo", fmt.Sprintf("--src=%v", f.source), fmt.Sprintf("--veth=%v", f.veth), fmt.Sprintf("--builtin=%v", f.builtin)}
}

// refused explains why there is no namespace to be had.
func refused(err error) error {
	if os.Geteuid() == 0 {
		return fmt.Errorf("the system refuses a network namespace even to root: %w\n  a container needs CAP_SYS_ADMIN for it", err)
	}
	return fmt.Errorf("the system refuses a user namespace: %w\n  run it as root, or allow it: sysctl -w kernel.unprivileged_userns_clone=1, or kernel.apparmor_restrict_unprivileged_userns=0, or user.max_user_namespaces=10000", err)
}

// demoInside is the demo itself.
func (a *app) demoInside(f *demoFlags) error {
	who := "root, in a network namespace"
	if !mapped() {
		who = "an ordinary user, as root of a user and network namespace"
	}
	fmt.Fprintf(a.out, "Running as %s of its own.\n", who)
	s, err := ministack.New(ministack.Config{})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := a.demoLink(f, s); err != nil {
		return err
	}
	c, v := control.Local(s)
	defer v.Close()
	defer c.Close()
	t := &demoTour{a: a, f: f, s: s, c: c}
	return t.run()
}

// mapped reports whether this is the first user namespace.
func mapped() bool {
	p, err := os.ReadFile("/proc/self/uid_map")
	var inside, outside, size uint64
	n, _ := fmt.Sscan(string(p), &inside, &outside, &size)
	return err == nil && n == 3 && outside == 0 && size > 1
}

// demoLink joins the stack and the kernel: by a TAP, or else by a veth pair.
func (a *app) demoLink(f *demoFlags, s *ministack.Stack) error {
	drv, err := a.demoTAP(f)
	if err != nil {
		if drv, err = a.demoVeth(); err != nil {
			return err
		}
	}
	d, err := s.Attach(drv, "ms0")
	if err != nil {
		drv.Close()
		return err
	}
	if err := s.AddAddr(d.Name, demoStack); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "The kernel's stack is %s, ours is %s, link address %s.\n\n", demoHost.Addr(), demoStack.Addr(), d.MAC)
	return nil
}

func (a *app) demoTAP(f *demoFlags) (netdev.Driver, error) {
	if f.veth {
		return nil, syscall.ENOTSUP
	}
	drv, err := openDriver(&deviceSpec{kind: "tap", name: "ms0", host: demoHost})
	if err != nil {
		fmt.Fprintf(a.out, "Refused: %s\nInstead: a veth pair, with AF_PACKET on our end.\n", err)
		return nil, err
	}
	fmt.Fprintln(a.out, "Joined by a TAP interface, ms0.")
	return drv, nil
}

func (a *app) demoVeth() (netdev.Driver, error) {
	if err := netdev.AddVeth("ms0", "ms1"); err != nil {
		return nil, err
	}
	if err := netdev.ConfigureHost("ms0", demoHost, 0); err != nil {
		return nil, err
	}
	drv, err := openDriver(&deviceSpec{kind: "packet", name: "ms1"})
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(a.out, "Joined by a veth pair: ms0 is the kernel's end, ms1 ours.")
	return drv, nil
}
