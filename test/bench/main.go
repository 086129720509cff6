// Command bench measures ministack beside gVisor's netstack, the kernel's own
// stack and a ceiling without TCP: the same work, on the same links, against
// the same peer, alternating within one run. README.md says what and how.
package main

import (
	"fmt"
	"os"

	"github.com/slankdev/ministack/test/bench/child"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == child.Arg {
		child.Main()
		return
	}
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if err := bench(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
