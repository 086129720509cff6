package link

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace without a name: it is there as long as
// somebody holds it open or lives in it, so nothing of it is left however the
// bench ends.
type Namespace struct{ f *os.File }

// NewNamespace makes an empty namespace with its loopback up. Error: EPERM
// without CAP_SYS_ADMIN.
func NewNamespace() (*Namespace, error) {
	n := new(Namespace)
	err := onThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("cannot make a network namespace (are you root?): %w", err)
		}
		n.f, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if err != nil {
		return nil, err
	}
	return n, n.Run("ip", "link", "set", "lo", "up")
}

// Do runs fn on a thread that is in the namespace. Processes that fn starts
// are born in it.
func (n *Namespace) Do(fn func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.f.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return fn()
	})
}

// Run runs a program in the namespace and returns what it said as the error.
func (n *Namespace) Run(args ...string) error {
	return n.Do(func() error { return run(args...) })
}

// Path names the namespace for ip(8).
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.f.Fd()) }

// Close lets go of the namespace.
func (n *Namespace) Close() error { return n.f.Close() }

// onThread runs fn on a thread of its own and brings the thread home
// afterwards: children die with the thread that made them (Pdeathsig).
func onThread(fn func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		err = fn()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
