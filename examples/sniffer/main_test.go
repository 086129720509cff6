package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPingIsFourFrames(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out))
	require.Regexp(t, `^eth0 out ARP who has 10\.0\.0\.2\? tell 10\.0\.0\.1
eth0 in  ARP 10\.0\.0\.2 is at [0-9a-f:]{17}
eth0 out IP 10\.0\.0\.1 > 10\.0\.0\.2 protocol 1, 28 bytes
eth0 in  IP 10\.0\.0\.2 > 10\.0\.0\.1 protocol 1, 28 bytes
$`, out.String())
}
