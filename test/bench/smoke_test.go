package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/slankdev/ministack/test/bench/child"
)

// TestMain has the test's own program be the children.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == child.Arg {
		child.Main()
		return
	}
	os.Exit(m.Run())
}

// measured runs what a command line says, briefly, and checks that every
// subject did something: at the second try if the machine was busy elsewhere
// for the whole of the first.
func measured(t *testing.T, args string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("namespaces and devices are for root")
	}
	o, err := parse(strings.Fields(args + " -rounds 1 -time 50ms -warmup 50ms"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range o.pairs {
		if p.skip() != "" {
			continue
		}
		for _, c := range o.subjects {
			if c.can(p.link, p.work) {
				m := measurement{o: o, link: p.link, work: p.work, subject: c}
				m.doesSomething(t)
			}
		}
	}
}

func (m measurement) doesSomething(t *testing.T) {
	for _, m.o.time = range []time.Duration{50 * time.Millisecond, 5 * time.Second} {
		s, err := m.run()
		if err != nil {
			t.Errorf("%v %s, %s: %v", m.link, m.work.Name, m.subject.label, err)
			return
		}
		if s.Rate > 0 {
			return
		}
	}
	t.Errorf("%v %s: %s did nothing", m.link, m.work.Name, m.subject.label)
}

func TestEverySubjectWorksOnEveryLink(t *testing.T) {
	measured(t, "-link tap,tap-vnet,tun,tun-vnet,packet,packet-gso,pipe,pipe-gso,tap-vnet/9000 -work bulk-tx,bulk-rx,ping,udp-tx")
}

func TestEverySubjectDoesEveryWork(t *testing.T) {
	works := "bulk-tx-8,bulk-tx-lossy,pingpong-64,crc-*,udp-rx,idle-1k"
	if _, err := exec.LookPath("wrk"); err == nil {
		works += ",http-*"
	}
	measured(t, "-link tap -work "+works)
}
