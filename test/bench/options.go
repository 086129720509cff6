package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/subject"
	"github.com/slankdev/ministack/test/bench/work"
)

// options are what the command line says.
type options struct {
	links    []link.Spec
	works    []work.Work
	subjects []contender
	rounds   int
	warmup   time.Duration
	time     time.Duration
	json     bool
	profiles string
}

// contender is a subject, run by this program or by another build of it.
type contender struct {
	label   string
	name    string
	program string
	gvisor  subject.GVisorOptions
	spin    time.Duration // the ceiling's
}

const (
	defaultLinks = "tap-vnet,tap"
	defaultWorks = "bulk-tx,bulk-rx,pingpong,pingpong-64"
)

func parse(args []string) (*options, error) {
	o := new(options)
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	links := f.String("link", defaultLinks, "list of `links`, each with an MTU if wanted: "+strings.Join(link.Names(), ", ")+"; tap/9000")
	works := f.String("work", defaultWorks, "list of `works`, * stands for anything: "+strings.Join(work.Names(), ", "))
	subjects := f.String("subject", strings.Join(subject.Names, ","), "list of `subjects`; the first is compared with the others. NAME=PATH takes it from another build of this program; gvisor:OPTION=VALUE has other options than the best: "+subject.GVisorHelp+"; ceiling:spin=TIME asks the device that long before it sleeps")
	f.IntVar(&o.rounds, "rounds", 5, "how often each is measured, alternating")
	f.DurationVar(&o.time, "time", 3*time.Second, "how long each is measured")
	f.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "how long each runs before")
	f.BoolVar(&o.json, "json", false, "write every sample as a line of JSON instead of the table")
	f.StringVar(&o.profiles, "cpuprofile", "", "`directory` for CPU profiles of the subjects")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, o.lists(*links, *works, *subjects)
}

func (o *options) lists(links, works, subjects string) (err error) {
	if o.links, err = link.Parse(links); err != nil {
		return err
	}
	if o.works, err = work.Parse(works); err != nil {
		return err
	}
	o.subjects, err = parseSubjects(subjects)
	return err
}

// parseSubjects reads a list such as "ministack,ministack=/tmp/before,gvisor:gro=on".
func parseSubjects(list string) (found []contender, err error) {
	for word := range strings.SplitSeq(list, ",") {
		c, err := parseSubject(word)
		if err != nil {
			return nil, err
		}
		base := c.label
		for n := 2; slices.ContainsFunc(found, func(o contender) bool { return o.label == c.label }); n++ {
			c.label = fmt.Sprintf("%s#%d", base, n)
		}
		found = append(found, c)
	}
	return found, nil
}

func parseSubject(word string) (c contender, err error) {
	c = contender{label: word, name: word, program: "/proc/self/exe"}
	name, options, chosen := strings.Cut(word, ":")
	if chosen && name == "gvisor" {
		c.name = name
		return c, c.gvisor.Set(options)
	}
	if chosen && name == "ceiling" {
		c.name = name
		_, value, _ := strings.Cut(options, "spin=")
		c.spin, err = time.ParseDuration(value)
		return c, err
	}
	if name, program, other := strings.Cut(word, "="); other {
		c.name, c.program, c.label = name, program, name+"="+filepath.Base(program)
	}
	if !slices.Contains(subject.Names, c.name) {
		err = fmt.Errorf("no subject called %q; there are %s", c.name, strings.Join(subject.Names, ", "))
	}
	return c, err
}
