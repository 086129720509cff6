package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePageComesThroughTheTunnel(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out))
	require.Equal(t, "Hello from the other end of the tunnel, 192.168.4.2\n", out.String())
}
