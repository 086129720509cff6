package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePageIsFetched(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out))
	require.Regexp(t, `^Hello, 10\.0\.0\.1:\d+\. This is 10\.0\.0\.2\.\n$`, out.String())
}
