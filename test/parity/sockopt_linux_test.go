package parity

import (
	"fmt"
	"sort"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/socket"
)

// optionKinds are the kinds of socket whose options are looked through.
var optionKinds = map[string][2]int{
	"stream": {socket.SOCK_STREAM, 0},
	"dgram":  {socket.SOCK_DGRAM, 0},
	"raw":    {socket.SOCK_RAW, socket.IPPROTO_ICMP},
}

// outcome is what getsockopt, setsockopt to 1 and getsockopt again say.
type outcome struct{ get, set, again error }

// tryOptions asks a new socket for each option of a level.
func tryOptions(h *host, kind [2]int, level int) map[int]outcome {
	all := map[int]outcome{}
	for name := 1; name <= 80; name++ {
		s, err := h.open(socket.AF_INET, kind[0], kind[1])
		require.NoError(h.t, err)
		var o outcome
		_, o.get = s.Getsockopt(level, name)
		o.set = s.Setsockopt(level, name, 1)
		_, o.again = s.Getsockopt(level, name)
		all[name] = o
		_ = s.Close()
	}
	return all
}

// had are the options of SOL_SOCKET and SOL_IP that a kind of socket has;
// everything else up to 80 is ENOPROTOOPT.
var had = map[string]string{
	"stream 1": "2 3 4 6 7 8 9 10 11 13 15 18 19 20 21 25 27 29 30 32 33 35 38 39 40 44 45 47 62",
	"dgram 1":  "2 3 4 6 7 8 9 10 11 13 15 18 19 20 21 25 27 29 30 32 33 35 38 39 40 44 45 62",
	"raw 1":    "2 3 4 6 7 8 9 10 11 13 15 18 19 20 21 25 27 29 30 32 33 35 38 39 40 44 45 62",
	"stream 0": "1 2 3 6 7 8 10 11 12 13 14 15 32 33 34 49 50 52",
	"dgram 0":  "1 2 3 6 7 8 10 11 12 13 14 15 32 33 34 49 50 52",
	"raw 0":    "1 2 3 6 7 8 10 11 12 13 14 15 32 33 34 49 50 52",
}

// others may differ: what is no number here, or not had in one direction.
var others = map[string]string{
	"1 25": "SO_BINDTODEVICE reads back a name on Linux",
	"0 14": "IP_MTU cannot be set; ENOPROTOOPT here as there",
}

// Options that we have give the kernel's errnos, those that we do not have
// ENOPROTOOPT and never success.
func TestEveryOptionIsHadOrRefused(t *testing.T) {
	kinds := make([]string, 0, len(optionKinds))
	for kind := range optionKinds {
		kinds = append(kinds, kind)
	}
	sort.Strings(kinds)
	kernel, ours := kernelHost(t), ourHost(t)
	for _, kind := range kinds {
		for _, level := range []int{socket.SOL_SOCKET, socket.SOL_IP} {
			theirs, mine := tryOptions(kernel, optionKinds[kind], level), tryOptions(ours, optionKinds[kind], level)
			var list []string
			for name := 1; name <= 80; name++ {
				m, k := mine[name], theirs[name]
				if m.get == syscall.ENOPROTOOPT && m.set == syscall.ENOPROTOOPT {
					continue
				}
				list = append(list, fmt.Sprint(name))
				if others[fmt.Sprintf("%d %d", level, name)] == "" {
					require.Equal(t, k, m, "%s: level %d, option %d", kind, level, name)
				}
			}
			require.Equal(t, had[fmt.Sprint(kind, " ", level)], strings.Join(list, " "), "%s: level %d", kind, level)
		}
	}
}
