package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/slankdev/ministack/test/bench/report"
)

// The tables stand between these lines of a document that people write.
const (
	beginMark = "<!-- bench: begin -->"
	endMark   = "<!-- bench: end -->"
)

// write puts the tables into a file: between the marks if it has them, else it
// becomes the whole file.
func write(o *options, file string, groups []*report.Group) error {
	var b strings.Builder
	fmt.Fprintln(&b, beginMark)
	for _, l := range environment(o) {
		fmt.Fprintf(&b, "- %s\n", l)
	}
	fmt.Fprintf(&b, "\nCells are medians with the smallest and the largest round; ratios are taken round by round. CPU is in seconds for a GB, or for a million\noperations or datagrams. Works:\n\n")
	for _, p := range o.distinctWorks() {
		fmt.Fprintf(&b, "- %s: %s\n", p.Name, p.About)
	}
	about := map[string]string{}
	for _, p := range o.pairs {
		about[p.link.String()] = p.link.About
	}
	report.Markdown(&b, groups, o.order(), about)
	fmt.Fprintln(&b, endMark)
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(file, []byte(splice(string(old), b.String())), 0o644)
}

// splice replaces what is between the marks of old.
func splice(old, tables string) string {
	before, rest, begun := strings.Cut(old, beginMark+"\n")
	_, after, ended := strings.Cut(rest, endMark+"\n")
	if !begun || !ended {
		return tables
	}
	return before + tables + after
}
