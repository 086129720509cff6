package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/test/bench/ceiling"
	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/report"
	"github.com/slankdev/ministack/test/bench/work"
)

// bench measures everything: a round of all subjects, then the next round, one
// work on one link after the other, so that each comparison is between
// neighbours in time.
func bench(o *options) error {
	samples, failed, err := o.samples()
	if err != nil {
		return err
	}
	groups := report.Groups(samples)
	if !o.json {
		fmt.Println()
		report.Text(os.Stdout, groups, o.order())
	}
	if o.write != "" {
		if err := write(o, o.write, groups); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d works failed, see above", failed)
	}
	return nil
}

// samples measures, or reads what was measured before. It returns the number of
// works that failed as well.
func (o *options) samples() (samples []report.Sample, failed int, err error) {
	if o.from != "" {
		samples, err = readSamples(o.from)
		return samples, 0, err
	}
	fmt.Fprintf(os.Stderr, "%d works on links, %d rounds of %v after %v: about %v\n", len(o.pairs), o.rounds, o.time, o.warmup, o.estimate().Round(time.Second))
	if o.profiles != "" {
		if err := os.MkdirAll(o.profiles, 0o755); err != nil {
			return nil, 0, err
		}
	}
	for _, p := range o.pairs {
		s, err := compare(o, p)
		samples = append(samples, s...)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			failed++
		}
	}
	return samples, failed, nil
}

// readSamples reads lines of JSON.
func readSamples(file string) (samples []report.Sample, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for d := json.NewDecoder(f); ; {
		var s report.Sample
		switch err := d.Decode(&s); err {
		case nil:
			samples = append(samples, s)
		case io.EOF:
			return samples, nil
		default:
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
}

func (o *options) order() (labels []string) {
	for _, c := range o.subjects {
		labels = append(labels, c.label)
	}
	return labels
}

// compare measures all subjects at one work on one link. A subject that fails
// is left out of the rounds that follow.
func compare(o *options, p pair) (samples []report.Sample, err error) {
	if why := p.skip(); why != "" {
		fmt.Fprintf(os.Stderr, "%v %s: not measured: %s\n", p.link, p.work.Name, why)
		return nil, nil
	}
	failed := map[string]bool{}
	for round := range o.roundsOf(p.work) {
		for _, c := range o.subjects {
			if failed[c.label] || !c.can(p.link, p.work) {
				continue
			}
			m := measurement{o: o, link: p.link, work: p.work, subject: c, round: round}
			s, err1 := m.run()
			if err1 != nil {
				failed[c.label] = true
				err = errors.Join(err, fmt.Errorf("%v %s, %s: %w", p.link, p.work.Name, c.label, err1))
				continue
			}
			samples = append(samples, s)
			o.tell(s)
		}
	}
	return samples, err
}

// can reports whether a subject has anything to do there: there is not a
// ceiling for everything, and the kernel's connections are files.
func (c contender) can(l link.Spec, w work.Work) bool {
	switch c.name {
	case "ceiling":
		return ceiling.Has(l, w)
	case "kernel":
		return w.Idle+100 < fileLimit()
	}
	return true
}

// fileLimit is how many files a process may have open.
func fileLimit() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0
	}
	return int(r.Max)
}

// tell shows progress, or the sample itself.
func (o *options) tell(s report.Sample) {
	if o.json {
		_ = json.NewEncoder(os.Stdout).Encode(s)
		return
	}
	fmt.Fprintf(os.Stderr, "%s %s round %d: %s %.3g %s\n", s.Link, s.Work, s.Round+1, s.Subject, s.Rate, s.Unit)
}

// profile is the file for the CPU profile of a subject, "" without profiles.
func (m *measurement) profile() string {
	if m.o.profiles == "" {
		return ""
	}
	name := strings.NewReplacer("/", "-", "=", "-", ":", "-").Replace(fmt.Sprintf("%v.%s.%s.%d.prof", m.link, m.work.Name, m.subject.label, m.round+1))
	return filepath.Join(m.o.profiles, name)
}
