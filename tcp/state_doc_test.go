package tcp

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateDoc = flag.Bool("update", false, "write docs/tcp-states.md anew")

// rfcNames are the names in RFC 9293 figure 5.
var rfcNames = map[State]string{Established: "ESTABLISHED", SynSent: "SYN-SENT", SynRecv: "SYN-RECEIVED", FinWait1: "FIN-WAIT-1",
	FinWait2: "FIN-WAIT-2", TimeWait: "TIME-WAIT", Closed: "CLOSED", CloseWait: "CLOSE-WAIT", LastAck: "LAST-ACK", Listen: "LISTEN",
	Closing: "CLOSING"}

// The diagram in the docs is the table that the code uses (RFC 9293 figure 5).
func TestTheDiagramInTheDocsIsTheTable(t *testing.T) {
	const path = "../docs/tcp-states.md"
	doc := stateDoc()
	if *updateDoc {
		require.NoError(t, os.WriteFile(path, []byte(doc), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), doc, "run go test ./tcp -run Diagram -update")
}

func stateDoc() string {
	var b strings.Builder
	b.WriteString(`# The states of a connection

Generated from the table ` + "`moves`" + ` in tcp/state.go (` + "`go test ./tcp -run Diagram -update`" + `), which is RFC 9293 figure 5 with
the edges that a user's abort, a reset and a time-out add. Two of the figure's are not here: a listener cannot send, so LISTEN
does not become SYN-SENT; and FIN-WAIT-1 becomes TIME-WAIT by way of FIN-WAIT-2, in one segment. ` + "`setState`" + ` refuses any other move, and a test fires each of these.

` + "```mermaid\nstateDiagram-v2\n")
	for s := State(1); s < numStates; s++ {
		if rfcNames[s] != "" {
			fmt.Fprintf(&b, "    state \"%s\" as %s\n", rfcNames[s], s)
		}
	}
	eachMove(func(from, to State) { fmt.Fprintf(&b, "    %s --> %s\n", from, to) })
	b.WriteString("```\n\n| from | to |\n|---|---|\n")
	for from := State(1); from < numStates; from++ {
		var list []string
		eachMove(func(f, to State) {
			if f == from {
				list = append(list, rfcNames[to])
			}
		})
		if len(list) > 0 {
			fmt.Fprintf(&b, "| %s | %s |\n", rfcNames[from], strings.Join(list, ", "))
		}
	}
	return b.String()
}

func eachMove(fn func(from, to State)) {
	for from := State(1); from < numStates; from++ {
		for to := State(1); to < numStates; to++ {
			if Allowed(from, to) {
				fn(from, to)
			}
		}
	}
}
