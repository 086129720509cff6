package drill

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/conformance.md anew")

// publicSuites is where the public scripts lie if this machine has them.
const publicSuites = "../../shared/packetdrill"

// judgements say of scripts that do not pass why that is as it should be.
var judgements = map[string]string{
	"nplab/linux/pmtu_discovery/pmtud-10pkt-1460-to-1160.pkt": "Linux 6.18 fails it, too: it was written for a stack that cuts all that it sent anew; " +
		"since 3.12 data leaves in units of at least two segments, and each unit is cut by itself.",
}

// docs/conformance.md is what the runner says of the public suites.
func TestConformanceDocumentIsCurrent(t *testing.T) {
	if _, err := os.Stat(publicSuites); err != nil {
		t.Skip("the public packet scripts are not on this machine")
	}
	doc := conformance(t)
	const path = "../docs/conformance.md"
	if *update {
		require.NoError(t, os.WriteFile(path, doc, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(doc), "run go test ./drill -update")
}

func conformance(t *testing.T) []byte {
	var rows bytes.Buffer
	var sum Summary
	for _, path := range scripts(t, publicSuites) {
		r := Run(path, &Config{})
		sum.Add(&r)
		name, err := filepath.Rel(publicSuites, path)
		require.NoError(t, err)
		suite, script, _ := strings.Cut(name, "/")
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", suite, script, r.Verdict, reasonFor(t, name, &r))
	}
	var doc bytes.Buffer
	fmt.Fprintf(&doc, `# Packet scripts that others wrote

What `+"`ministack drill`"+` says of the public packetdrill suites of Google, the Linux kernel, gVisor and nplab. This page is
generated (`+"`go test ./drill -update`"+`) where the scripts are at hand; they are not part of this repository.

%s.

| suite | script | result | reason |
|---|---|---|---|
`, sum)
	doc.Write(rows.Bytes())
	return doc.Bytes()
}

// reasonFor is empty for a script that passes, and demands a judgement of one
// that fails.
func reasonFor(t *testing.T, name string, r *Result) string {
	switch r.Verdict {
	case Pass:
		return ""
	case Skip:
		return r.Reason
	}
	why, ok := judgements[name]
	require.True(t, ok, "%s:%d: %s", name, r.Line, r.Reason)
	return fmt.Sprintf("line %d: %s. %s", r.Line, r.Reason, why)
}
