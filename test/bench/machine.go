package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// tick is the unit of /proc/stat (USER_HZ).
const tick = 10 * time.Millisecond

// machine is how the processors spent their time so far, all together
// (proc_stat(5)).
type machine struct {
	busy   time.Duration // user, nice, system and both kinds of interrupts
	stolen time.Duration // what a hypervisor gave to others
	all    time.Duration
}

func readMachine() (machine, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machine{}, err
	}
	return parseStat(string(b))
}

func parseStat(stat string) (m machine, err error) {
	line, _, _ := strings.Cut(stat, "\n")
	var name string
	var user, nice, system, idle, iowait, irq, softirq, steal uint64
	if _, err := fmt.Sscan(line, &name, &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal); err != nil {
		return m, fmt.Errorf("/proc/stat: %w", err)
	}
	m.busy = time.Duration(user+nice+system+irq+softirq) * tick
	m.stolen = time.Duration(steal) * tick
	m.all = m.busy + m.stolen + time.Duration(idle+iowait)*tick
	return m, nil
}

// since is what passed after an earlier reading.
func (m machine) since(b machine) machine {
	return machine{m.busy - b.busy, m.stolen - b.stolen, m.all - b.all}
}

// share is a part of a time, 0 to 1.
func share(part, all time.Duration) float64 {
	if all == 0 {
		return 0
	}
	return max(0, float64(part)/float64(all))
}
