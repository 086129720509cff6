package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/slankdev/ministack/trace"
)

// traced is how many of the stack's last records a failure shows.
const traced = 40

// trace is what the stack did lately, as ministack trace would show it.
func (p *player) trace() string {
	if p == nil {
		return ""
	}
	recs := make([]trace.Record, 1<<14)
	recs, _ = p.host.stack.Tracer().Read(0, recs)
	var entries []trace.Entry
	for i := max(len(recs)-traced, 0); i < len(recs); i++ {
		entries = append(entries, trace.Decode(&recs[i]))
	}
	var b strings.Builder
	printer := &trace.Printer{W: &b, Wall: nil}
	if _, err := printer.Print(entries); err != nil {
		return ""
	}
	return b.String()
}

// Text writes a result as a person reads it: one line, and for a failure what
// was expected, what came, and what the stack did.
func (r *Result) Text(w io.Writer) {
	switch r.Verdict {
	case Pass:
		fmt.Fprintf(w, "ok    %s\n", r.Script)
	case Skip:
		fmt.Fprintf(w, "skip  %s:%d:%d: %s\n", r.Script, r.Line, r.Column, r.Reason)
	default:
		r.failure(w)
	}
}

func (r *Result) failure(w io.Writer) {
	place := r.Script
	if r.Line > 0 {
		place += fmt.Sprintf(":%d", r.Line)
	}
	if r.Column > 1 {
		place += fmt.Sprintf(":%d", r.Column)
	}
	fmt.Fprintf(w, "FAIL  %s: %s\n", place, r.Reason)
	if r.Event != "" {
		fmt.Fprintf(w, "      script    %s\n", r.Event)
	}
	if r.Actual != "" {
		fmt.Fprintf(w, "      expected  %s\n      actual    %s\n", r.Expected, r.Actual)
	}
	if r.Trace != "" {
		fmt.Fprintf(w, "      the stack at that moment:\n%s", indent(r.Trace))
	}
}

// Summary counts results.
type Summary struct {
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// Add counts one.
func (s *Summary) Add(r *Result) {
	switch r.Verdict {
	case Pass:
		s.Passed++
	case Skip:
		s.Skipped++
	default:
		s.Failed++
	}
}

func (s Summary) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", s.Passed, s.Failed, s.Skipped)
}

// JSON writes a result as one line.
func (r *Result) JSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// expand walks directories for *.pkt, in order.
func expand(ctx context.Context, paths []string) ([]string, error) {
	var all []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			all = append(all, path)
			continue
		}
		var found []string
		err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(p, ".pkt") {
				found = append(found, p)
			}
			if err == nil {
				err = ctx.Err()
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		sort.Strings(found)
		all = append(all, found...)
	}
	return all, nil
}
