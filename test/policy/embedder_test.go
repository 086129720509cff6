package policy

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a program costs that embeds the stack: testdata/minimal is such a
// program.

// unwanted packages of the standard library cost an embedder much, or would do
// what a library must not.
var unwanted = []string{"encoding/json", "encoding/gob", "encoding/xml", "expvar", "flag", "html", "html/template", "log", "log/slog",
	"net/http", "net/rpc", "os/exec", "plugin", "regexp", "runtime/pprof", "runtime/trace", "testing", "text/template", "crypto/tls", "crypto/x509"}

func TestAnEmbedderLinksNothingUnwanted(t *testing.T) {
	_, packages := links(t, "./test/policy/testdata/minimal", "linux")
	for _, u := range unwanted {
		require.NotContains(t, packages, u)
	}
}

// The same with gVisor's netstack is 4.95 MB, with package net alone 2.02 MB
// (linux/amd64, stripped).
const mostBytes = 4_200_000

func TestAnEmbedderIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("it links a program")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("sizes are those of linux/amd64")
	}
	bin := filepath.Join(t.TempDir(), "minimal")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./test/policy/testdata/minimal")
	cmd.Dir, cmd.Env = root(t), append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	info, err := os.Stat(bin)
	require.NoError(t, err)
	t.Logf("the minimal program has %d bytes", info.Size())
	require.Less(t, info.Size(), int64(mostBytes))
	out, err = exec.Command(bin).Output()
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(out))
}
