package main

import (
	"cmp"
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
	pairs    []pair
	subjects []contender
	rounds   int
	warmup   time.Duration
	time     time.Duration
	json     bool
	profiles string
	write    string
	from     string
}

// contender is a subject, run by this program or by another build of it.
type contender struct {
	label   string
	name    string
	program string
	gvisor  subject.GVisorOptions
	spin    time.Duration // the ceiling's
}

// flags are those that others follow from.
type flags struct {
	quick                  bool
	links, works, subjects string
	total                  time.Duration
}

func parse(args []string) (*options, error) {
	o, c := new(options), new(flags)
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.BoolVar(&c.quick, "quick", false, "what matters most, in five minutes")
	f.StringVar(&c.links, "link", "", "list of `links`, each with an MTU if wanted (tap/9000): "+strings.Join(link.Names(), ", ")+" (default tap-vnet, or all of the full run)")
	f.StringVar(&c.works, "work", "", "list of `works`, * stands for anything: "+strings.Join(work.Names(), ", ")+" (default bulk-tx and bulk-rx, or all of the full run)")
	f.StringVar(&c.subjects, "subject", strings.Join(subject.Names, ","), "list of `subjects`; the first is compared with the others. NAME=PATH takes it from another build of this program; gvisor:OPTION=VALUE has other options than the best: "+subject.GVisorHelp+"; ceiling:spin=TIME asks the device that long before it sleeps")
	f.IntVar(&o.rounds, "rounds", 5, "how often each is measured, alternating")
	f.DurationVar(&o.time, "time", 2*time.Second, "how long each is measured")
	f.DurationVar(&o.warmup, "warmup", 400*time.Millisecond, "how long each runs before")
	f.DurationVar(&c.total, "total", 0, "how long all may take together, about; it chooses -time and -warmup")
	f.BoolVar(&o.json, "json", false, "write every sample as a line of JSON instead of the table")
	f.StringVar(&o.profiles, "cpuprofile", "", "`directory` for CPU profiles of the subjects")
	f.StringVar(&o.write, "write", "", "`file` for the tables in Markdown, between its marks if it has them")
	f.StringVar(&o.from, "from", "", "`file` with samples that -json wrote before: makes the tables of them and measures nothing")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if c.quick {
		o.shorten(f)
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	return o, o.resolve(c)
}

// shorten has quick's times where the command line does not say others.
func (o *options) shorten(f *flag.FlagSet) {
	given := map[string]bool{}
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if !given["rounds"] {
		o.rounds = 3
	}
	if !given["time"] {
		o.time = 800 * time.Millisecond
	}
	if !given["warmup"] {
		o.warmup = 300 * time.Millisecond
	}
}

// resolve makes pairs and subjects of lists.
func (o *options) resolve(c *flags) (err error) {
	plan := full
	if c.quick {
		plan = quick
	}
	if c.links != "" || c.works != "" {
		plan = []row{{cmp.Or(c.links, "tap-vnet"), cmp.Or(c.works, "bulk-tx,bulk-rx")}}
	}
	if o.pairs, err = pairs(plan); err != nil {
		return err
	}
	if o.subjects, err = parseSubjects(c.subjects); err != nil {
		return err
	}
	if c.total > 0 {
		o.fit(c.total)
	}
	return nil
}

// distinctWorks are the works of all pairs, each once.
func (o *options) distinctWorks() (works []work.Work) {
	for _, p := range o.pairs {
		if !slices.ContainsFunc(works, func(w work.Work) bool { return w.Name == p.work.Name }) {
			works = append(works, p.work)
		}
	}
	return works
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
		c.name, c.label = name, name+"="+filepath.Base(program)
		if c.program, err = filepath.Abs(program); err != nil {
			return c, err
		}
	}
	if !slices.Contains(subject.Names, c.name) {
		err = fmt.Errorf("no subject called %q; there are %s", c.name, strings.Join(subject.Names, ", "))
	}
	return c, err
}
