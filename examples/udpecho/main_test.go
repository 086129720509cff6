package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEveryDatagramComesBack(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out))
	text := regexp.MustCompile(`10\.0\.0\.1:\d+->`).ReplaceAllString(out.String(), "")
	require.Equal(t, `10.0.0.2:7 says "one"
10.0.0.2:7 says "two"
10.0.0.2:7 says "three"
read udp 10.0.0.2:9: read: connection refused
`, text)
}
