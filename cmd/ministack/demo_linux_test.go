package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nobody is a user without any rights.
const nobody = 65534

// demoAs runs the demo as a user and returns what it printed.
func demoAs(t *testing.T, uid uint32, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"demo"}, args...)...)
	cmd.Env = append(os.Environ(), programEnv+"=1")
	cmd.Dir = "/"
	if int(uid) != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: false}}
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		skip(t, "the system does not let us become another user: "+err.Error())
	}
	if bytes.Contains(out, []byte("the system refuses")) {
		skip(t, string(out))
	}
	require.NoError(t, err, string(out))
	return string(out)
}

func checkDemo(t *testing.T, out string) {
	t.Helper()
	require.Contains(t, out, "All of it worked.")
	require.Contains(t, out, demoPage)
	require.Contains(t, out, "connection refused")
	require.Contains(t, out, "nothing listens on :81")
	require.Regexp(t, `(?m)^pkt \d+ rx 10\.9\.0\.1 > 10\.9\.0\.2 icmp echo$`, out)
	require.Regexp(t, `(?m)^pkt \d+ tx 10\.9\.0\.2 > 10\.9\.0\.1 icmp echo-reply cause=pkt \d+$`, out)
	require.Regexp(t, `(?m)^pkt \d+ tx 10\.9\.0\.2:80 > 10\.9\.0\.1:\d+ \[S\.\] `, out)
}

func TestTheDemoWorksForRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root")
	}
	checkDemo(t, demoAs(t, 0))
	checkDemo(t, demoAs(t, 0, "--veth", "--builtin"))
}

func TestTheDemoWorksWithoutRoot(t *testing.T) {
	uid := uint32(os.Geteuid())
	if uid == 0 {
		uid = nobody
	}
	out := demoAs(t, uid, "--src")
	checkDemo(t, out)
	require.Contains(t, out, "as root of a user and network namespace of its own")
	require.Regexp(t, `drop +NO_SOCKET +tcp/input\.go:\d+ +RFC 9293 3\.10\.7\.1`, out)
}
