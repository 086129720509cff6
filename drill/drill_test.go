package drill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func scripts(t *testing.T, dir string) []string {
	found, err := Expand(t.Context(), []string{dir})
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return found
}

// Each of these scripts has one mistake, and says in its first line what the
// runner must find.
func TestScriptsThatMustFailFailForTheRightReason(t *testing.T) {
	for _, path := range scripts(t, "testdata/fail") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			first, _, _ := strings.Cut(string(text), "\n")
			want, ok := strings.CutPrefix(first, "// fails: ")
			require.True(t, ok)
			r := Run(path, &Config{})
			require.Equal(t, Fail, r.Verdict)
			require.Contains(t, r.Reason, want)
			require.Positive(t, r.Line)
		})
	}
}

// The project's own scripts, a file a topic.
func TestOwnScripts(t *testing.T) { pass(t, "../test/drill") }

// What Linux answered to segments and calls that were chosen by chance.
func TestRecordedScripts(t *testing.T) { pass(t, "../test/recorded") }

// pass runs the scripts of a folder.
func pass(t *testing.T, dir string) {
	for _, path := range scripts(t, dir) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			r := Run(path, &Config{})
			require.Equal(t, Pass, r.Verdict, "%d: %s\n%s\n%s\n%s", r.Line, r.Reason, r.Expected, r.Actual, r.Trace)
		})
	}
}

// A run is a function of the script: same result, same packets, same times.
func TestARunRepeatsItself(t *testing.T) {
	run := func() []byte {
		var all []byte
		cfg := &Config{Capture: func(at time.Time, packet []byte) {
			all = append(all, at.Format(time.StampNano)...)
			all = append(all, packet...)
		}}
		for _, path := range scripts(t, "../test/drill") {
			Run(path, cfg)
		}
		return all
	}
	require.Equal(t, run(), run())
}
