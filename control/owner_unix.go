//go:build unix

package control

import (
	"fmt"
	"os"
	"syscall"
)

// checkOwner refuses a directory that somebody else could have prepared.
func checkOwner(dir string) error {
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !st.IsDir() || !ok || int(sys.Uid) != os.Geteuid() || st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s must be a directory of yours with mode 0700, for control sockets: %w", dir, syscall.EPERM)
	}
	return nil
}
