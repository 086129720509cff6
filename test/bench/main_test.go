package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/slankdev/ministack/test/bench/report"
	"github.com/slankdev/ministack/test/bench/subject"
	"github.com/slankdev/ministack/test/bench/work"
)

func TestOtherBuildsAreSubjectsOfTheirOwn(t *testing.T) {
	o, err := parse([]string{"-subject", "ministack,ministack=/tmp/a/before,ministack=/tmp/b/before,kernel,gvisor:gro=on:buffer=65536"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(o.order(), " "), "ministack ministack=before ministack=before#2 kernel gvisor:gro=on:buffer=65536"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if g := o.subjects[4]; g.name != "gvisor" || g.gvisor != (subject.GVisorOptions{GRO: "on", Buffer: 65536}) {
		t.Errorf("gVisor's options are %+v", g)
	}
	if o.subjects[2].program != "/tmp/b/before" || o.subjects[3].program != "/proc/self/exe" {
		t.Errorf("the wrong programs: %+v", o.subjects)
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for _, args := range []string{"-subject lwip", "-subject gvisor:color=red", "-subject kernel:gro=on", "-link wire", "-work sleep", "more"} {
		if _, err := parse(strings.Fields(args)); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}

// proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal.
func TestBusyTimeIsWithoutIdleAndStolen(t *testing.T) {
	got, err := parseStat("cpu  1 2 4 8 16 32 64 128 256 512\ncpu0 9 9 9\n")
	if want := (machine{103 * tick, 128 * tick, 255 * tick}); err != nil || got != want {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := parseStat("intr 1"); err == nil {
		t.Error("that is no such line")
	}
	d := got.since(machine{3 * tick, 28 * tick, 55 * tick})
	if s := share(d.stolen, d.all); s != 0.5 {
		t.Errorf("%v of the time was stolen, want half", s)
	}
}

func TestRatesAreOfTheSideThatCounts(t *testing.T) {
	begin := time.Unix(1e9, 0)
	a := marked{peerTime: begin, subTime: begin}
	b := marked{peerTime: begin.Add(2 * time.Second), subTime: begin.Add(4 * time.Second),
		peer: work.Counts{Bytes: 1e9, Ops: 100}, sub: work.Counts{Bytes: 4e9, Ops: 4000}, process: time.Second, machine: machine{busy: 2 * time.Second}}
	for _, c := range []struct {
		w    work.Work
		want report.Sample
	}{
		{work.Work{Unit: work.Gbit, Counted: work.Peer}, report.Sample{Rate: 4, Process: 1, Machine: 2}},
		{work.Work{Unit: work.Gbit, Counted: work.Subject}, report.Sample{Rate: 8, Process: 0.25, Machine: 0.5}},
		{work.Work{Unit: work.PerSec, Counted: work.Peer}, report.Sample{Rate: 50, Process: 1e4, Machine: 2e4}},
		{work.Work{Unit: work.Packets, Counted: work.Subject}, report.Sample{Rate: 1, Process: 250, Machine: 500}},
	} {
		m := measurement{work: c.w}
		got := m.sample(a, b)
		if got.Rate != c.want.Rate || got.Process != c.want.Process || got.Machine != c.want.Machine {
			t.Errorf("%v: rate %v, CPU %v and %v", c.w.Unit, got.Rate, got.Process, got.Machine)
		}
	}
}

func TestThePlansAreOfKnownWorks(t *testing.T) {
	for _, args := range []string{"", "-quick", "-link tap", "-work ping"} {
		o, err := parse(strings.Fields(args))
		if err != nil || len(o.pairs) == 0 {
			t.Errorf("%q: %d pairs, %v", args, len(o.pairs), err)
		}
	}
}

func TestTheTimeIsChosenToFit(t *testing.T) {
	o, err := parse([]string{"-work", "bulk-*", "-subject", "ministack,gvisor", "-total", "10m"})
	if err != nil {
		t.Fatal(err)
	}
	if got := o.estimate(); got < 9*time.Minute || got > 11*time.Minute {
		t.Errorf("%v after %v each make %v", o.time, o.warmup, got)
	}
}

func TestTablesStandBetweenTheirMarks(t *testing.T) {
	tables := beginMark + "\nnew\n" + endMark + "\n"
	old := "before\n" + beginMark + "\nold\n" + endMark + "\nafter\n"
	if got, want := splice(old, tables), "before\n"+tables+"after\n"; got != want {
		t.Errorf("%q", got)
	}
	if got := splice("", tables); got != tables {
		t.Errorf("%q", got)
	}
}

func TestSamplesAreReadAsTheyWereWritten(t *testing.T) {
	want := []report.Sample{{Link: "tap/1500", Work: "ping", Subject: "kernel", Round: 1, Rate: 2.5, P50: 3, Extra: map[string]float64{"a": 1}}, {Link: "tun/1500"}}
	file := filepath.Join(t.TempDir(), "samples")
	var b []byte
	for _, s := range want {
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		b = append(append(b, line...), '\n')
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readSamples(file)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}
