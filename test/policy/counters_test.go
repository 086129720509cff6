package policy

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A counter of TCP that is declared is counted somewhere: one that always
// shows 0 would say that nothing happened.
func TestEveryCounterOfTCPIsCounted(t *testing.T) {
	top := root(t)
	ids, err := os.ReadFile(filepath.Join(top, "stat", "id.go"))
	require.NoError(t, err)
	declared := regexp.MustCompile(`(?m)^\t(Tcp\w+)$`).FindAllStringSubmatch(string(ids), -1)
	require.Greater(t, len(declared), 100)
	used := map[string]bool{}
	name := regexp.MustCompile(`\bTcp\w+`)
	require.NoError(t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "stat/id.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, n := range name.FindAllString(string(text), -1) {
			used[n] = true
		}
		return err
	}))
	for _, d := range declared {
		require.True(t, used[d[1]], "nothing counts %s", d[1])
	}
}
