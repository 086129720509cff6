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
	gvisor   subject.GVisorOptions
}

// contender is a subject, run by this program or by another build of it.
type contender struct {
	label   string
	name    string
	program string
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
	subjects := f.String("subject", strings.Join(subject.Names, ","), "list of `subjects`; NAME=PATH takes it from another build of this program, and the first is compared with the others")
	f.IntVar(&o.rounds, "rounds", 5, "how often each is measured, alternating")
	f.DurationVar(&o.time, "time", 3*time.Second, "how long each is measured")
	f.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "how long each runs before")
	f.BoolVar(&o.json, "json", false, "write every sample as a line of JSON instead of the table")
	f.StringVar(&o.profiles, "cpuprofile", "", "`directory` for CPU profiles of the subjects")
	f.StringVar(&o.gvisor.Dispatch, "gvisor-dispatch", "", "gVisor's way to read from AF_PACKET: readv, recvmmsg, mmap")
	f.IntVar(&o.gvisor.Processors, "gvisor-processors", 0, "gVisor's ProcessorsPerChannel; 0: its default")
	f.StringVar(&o.gvisor.GRO, "gvisor-gro", "", "gVisor's GRO: on, off")
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

// parseSubjects reads a list such as "ministack,ministack=/tmp/before".
func parseSubjects(list string) (found []contender, err error) {
	for word := range strings.SplitSeq(list, ",") {
		name, program, other := strings.Cut(word, "=")
		if !slices.Contains(subject.Names, name) {
			return nil, fmt.Errorf("no subject called %q; there are %s", name, strings.Join(subject.Names, ", "))
		}
		c := contender{label: name, name: name, program: "/proc/self/exe"}
		if other {
			c.program, c.label = program, name+"="+filepath.Base(program)
		}
		for n := 2; slices.ContainsFunc(found, func(o contender) bool { return o.label == c.label }); n++ {
			c.label = fmt.Sprintf("%s#%d", name, n)
		}
		found = append(found, c)
	}
	return found, nil
}
