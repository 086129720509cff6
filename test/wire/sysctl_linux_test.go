package wire

import (
	"os"
	"strings"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/stretchr/testify/require"
)

// The settings of TCP have Linux's names, and in a new network namespace Linux
// has the same defaults, but for those that depend on the machine.
func TestSettingsOfTCPAreTheKernels(t *testing.T) {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	defer s.Close()
	for _, name := range s.Sysctls() {
		if !strings.HasPrefix(name, "net.ipv4.tcp_") {
			continue
		}
		ours, err := s.Sysctl(name)
		require.NoError(t, err)
		theirs, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
		if err != nil {
			t.Logf("%s: %v", name, err)
			continue
		}
		if strings.TrimSpace(string(theirs)) != ours {
			t.Errorf("%s: %q, the kernel's is %q", name, ours, strings.TrimSpace(string(theirs)))
		}
	}
}
