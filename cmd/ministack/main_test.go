package main

import (
	"bytes"
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/netdev"
)

var update = flag.Bool("update", false, "write golden files anew")

// programEnv makes the test binary the program itself: what the demo starts,
// and the tests that need a process of their own.
const programEnv = "MINISTACK_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

// result is what a command line left behind.
type result struct {
	code     int
	out, err string
}

// command runs a command line in this process.
func command(t *testing.T, in string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{ctx: t.Context(), in: strings.NewReader(in), out: &out, err: &errs}
	code := a.main(args)
	return result{code, out.String(), errs.String()}
}

// running is two stacks on a cable; the tools find the first one, called alpha,
// and 10.9.0.2 is the other.
func running(t *testing.T) (alpha, beta *ministack.Stack) {
	t.Helper()
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	left, right := netdev.Pipe(1500)
	alpha, beta = onCable(t, left, "10.9.0.1/24"), onCable(t, right, "10.9.0.2/24")
	require.NoError(t, control.MakeDir())
	l, err := control.Listen(control.Path("alpha"))
	require.NoError(t, err)
	v := control.Serve(l, alpha, "alpha")
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return alpha, beta
}

// runningBoth is running with the other stack called beta.
func runningBoth(t *testing.T) (alpha, beta *ministack.Stack) {
	t.Helper()
	alpha, beta = running(t)
	l, err := control.Listen(control.Path("beta"))
	require.NoError(t, err)
	v := control.Serve(l, beta, "beta")
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return alpha, beta
}

func onCable(t *testing.T, d netdev.Driver, addr string) *ministack.Stack {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	_, err = s.Attach(d, "eth0")
	require.NoError(t, err)
	require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(addr)))
	return s
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// steady replaces what differs from run to run.
func steady(s string, what ...string) string {
	for i := 0; i < len(what); i += 2 {
		s = regexp.MustCompile(what[i]).ReplaceAllString(s, what[i+1])
	}
	return s
}

var background = context.Background()
