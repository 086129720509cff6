// Package policy holds the rules that the code keeps as tests: statements of
// policy, to be changed only with a decision in docs/decisions.
package policy

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/slankdev/ministack"

// order is the stack, bottom up. A package may import only packages of lines
// before its own; those of one line do not know each other, except where they
// stand in a line of their own.
var order = []string{
	"clock checksum",
	"skb sysctl",
	"stat filter",
	"trace",
	"netdev/uring",
	"netdev",
	"netdev/wgtun",
	"inet",
	"link",
	"arp bridge packet",
	"ipv4",
	"igmp",
	"icmp udp",
	"ping raw",
	"tcp/seq",
	"tcp/rtt",
	"tcp/cc",
	"tcp/rtx",
	"tcp",
	"socket",
	".",
	"resolver",
	"netstack",
	"dhcp",
	"control drill iperf3",
	"cmd/ministack examples test",
}

// heavy packages must not be linked into a program that embeds the stack.
var heavy = []string{"net/http", "github.com/spf13/cobra", "github.com/google/gopacket", "github.com/stretchr/testify"}

func ranks() map[string]int {
	r := map[string]int{}
	for i, line := range order {
		for _, p := range strings.Fields(line) {
			r[p] = i
		}
	}
	return r
}

// rankOf finds the line of a package: its own, or that of the directory that
// holds it.
func rankOf(r map[string]int, pkg string) (int, bool) {
	for p := pkg; ; p = path.Dir(p) {
		if n, ok := r[p]; ok && (p != "." || pkg == ".") {
			return n, true
		}
		if p == "." {
			return 0, false
		}
	}
}

func TestEveryImportPointsDown(t *testing.T) {
	r := ranks()
	for pkg, imports := range importsOf(t, root(t)) {
		mine, ok := rankOf(r, pkg)
		require.True(t, ok, "%s has no place in the order", pkg)
		for imp := range imports {
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				continue
			}
			dep := "."
			if imp != module {
				dep = strings.TrimPrefix(imp, module+"/")
			}
			theirs, ok := rankOf(r, dep)
			require.True(t, ok, "%s has no place in the order", dep)
			require.True(t, theirs < mine || mine == len(order)-1, "%s imports %s, which stands above or beside it", pkg, dep)
		}
	}
}

func TestAnEmbedderLinksNothingHeavy(t *testing.T) {
	r := ranks()
	for pkg, imports := range importsOf(t, root(t)) {
		if n, _ := rankOf(r, pkg); n > r["."] {
			continue
		}
		for _, h := range heavy {
			for imp := range imports {
				require.False(t, imp == h || strings.HasPrefix(imp, h+"/"), "%s imports %s", pkg, imp)
			}
		}
	}
}

// The benchmark has another stack beside this one, and is a module of its own
// so that nobody else gets it.
func TestTheStackDoesNotDependOnWhatItIsComparedWith(t *testing.T) {
	for name, wanted := range map[string]bool{"go.mod": false, "test/bench/go.mod": true} {
		b, err := os.ReadFile(filepath.Join(root(t), name))
		require.NoError(t, err)
		require.Equal(t, wanted, strings.Contains(string(b), "gvisor.dev/"), name)
	}
}

func root(t *testing.T) string {
	dir, err := os.Getwd()
	require.NoError(t, err)
	return filepath.Dir(filepath.Dir(dir))
}

// importsOf reads the imports of every package's own files, tests excepted.
func importsOf(t *testing.T, top string) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	require.NoError(t, filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != top || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, filepath.Dir(p))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		if all[pkg] == nil {
			all[pkg] = map[string]bool{}
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all[pkg][name] = true
		}
		return nil
	}))
	return all
}
