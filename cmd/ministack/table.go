package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// table is text in columns, as wide as need be.
type table struct {
	rows  [][]string
	notes map[int]string // lines under a row
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// note puts a line under the last row.
func (t *table) note(s string) {
	if t.notes == nil {
		t.notes = map[int]string{}
	}
	t.notes[len(t.rows)-1] += s + "\n"
}

func (t *table) write(w io.Writer) error {
	var width []int
	for _, r := range t.rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len(c))
		}
	}
	for n, r := range t.rows {
		var b strings.Builder
		for i, c := range r {
			fmt.Fprintf(&b, "%-*s ", width[i], c)
		}
		if _, err := fmt.Fprintf(w, "%s\n%s", strings.TrimRight(b.String(), " "), t.notes[n]); err != nil {
			return err
		}
	}
	return nil
}

// writeJSON prints x as ip -j does, in one line.
func writeJSON(w io.Writer, x any) error { return json.NewEncoder(w).Encode(x) }
