package parity

import (
	"os"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"
)

// counter reads a counter by nstat's name, such as IpOutRequests.
func (h *host) counter(name string) int {
	if h.stack == nil {
		return kernelCounter(h, name)
	}
	return int(h.stack.Counters().All()[name]) // the kernel's turn tells whether there is such a counter
}

// kernelCounter finds it in the pairs of lines, of names and of values, of
// /proc/net/snmp and /proc/net/netstat.
func kernelCounter(h *host, name string) int {
	for _, file := range []string{"snmp", "netstat"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + file)
		require.NoError(h.t, err)
		lines := strings.Split(string(text), "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
			for j := 1; j < len(names); j++ {
				if strings.TrimSuffix(names[0], ":")+names[j] == name {
					n, err := strconv.Atoi(values[j])
					require.NoError(h.t, err)
					return n
				}
			}
		}
	}
	require.Fail(h.t, "the kernel has no counter called "+name)
	return 0
}

// counted returns by how much the counters grew while fn ran, those that did.
// Who receives a packet may be awake before it is counted, so the host has to
// have answered a later one.
func (h *host) counted(fn func(), names ...string) map[string]int {
	before, grown := map[string]int{}, map[string]int{}
	for _, n := range names {
		before[n] = h.counter(n)
	}
	fn()
	h.resolve()
	for _, n := range names {
		if by := h.counter(n) - before[n]; by != 0 {
			grown[n] = by
		}
	}
	return grown
}
