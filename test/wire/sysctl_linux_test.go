package wire

import (
	"os"
	"strings"
	"testing"

	ministack "github.com/slankdev/ministack"
	"github.com/stretchr/testify/require"
)

// ownSettings are those that need not be as the kernel's, and why.
var ownSettings = map[string]string{
	"net.ipv4.tcp_allowed_congestion_control":   "nobody is root here: all may be chosen",
	"net.ipv4.tcp_available_congestion_control": "dctcp is always there",
	"net.ipv4.tcp_congestion_control":           "the machine's configuration",
	"net.ipv4.tcp_fastopen_key":                 "random; the kernel's is made when it is needed",
	"net.ipv4.tcp_max_orphans":                  "the kernel's follows the machine's memory",
	"net.ipv4.tcp_max_syn_backlog":              "the kernel's follows the machine's memory",
	"net.ipv4.tcp_max_tw_buckets":               "the kernel's follows the machine's memory",
	"net.ipv4.tcp_mem":                          "the kernel's follows the machine's memory",
	"net.ipv4.tcp_rmem":                         "the machine's configuration",
	"net.ipv4.tcp_wmem":                         "the machine's configuration",
}

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
			t.Logf("this kernel has none: %v", err) // an older one, or tcp_hystart, which is a parameter of its module
			continue
		}
		if ownSettings[name] == "" && strings.TrimSpace(string(theirs)) != ours {
			t.Errorf("%s: %q, the kernel's is %q", name, ours, strings.TrimSpace(string(theirs)))
		}
	}
}
