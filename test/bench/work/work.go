// Package work has what the subjects are given to do. Each work is a pair of
// parts, one for the subject's side and one for the peer's, written once
// against package net's interfaces, so that every subject does the same.
package work

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/slankdev/ministack/test/bench/link"
	"github.com/slankdev/ministack/test/bench/subject"
)

// Side is one end of the link.
type Side int

// Sides.
const (
	Subject Side = iota
	Peer
)

// Unit is what a work's rate counts.
type Unit string

// Units of rates.
const (
	Gbit    Unit = "Gbit/s" // payload bits
	PerSec  Unit = "/s"     // operations
	Packets Unit = "kpkt/s" // datagrams
	Bytes   Unit = "B/conn" // memory, less is better
)

// Work is one thing to do.
type Work struct {
	Name    string
	About   string // for the report
	Unit    Unit
	Counted Side // which side's counters are the result
	Latency bool // the median time is the result, not the rate
	Streams int
	Lossy   bool          // the link loses 1 % of the packets
	Idle    int           // connections that the peer opens first and leaves alone
	Setup   time.Duration // what Run and Finish may take
	Tail    time.Duration // what Finish takes
	Rounds  int           // at most; 0: as many as there are
	Least   time.Duration // it is measured at least that long

	OnSubject, OnPeer Part
	// Skip says why a link cannot do it, "" where it can.
	Skip func(link.Spec) string
}

// Base is the name without the number of streams.
func (w Work) Base() string { return strings.TrimSuffix(w.Name, fmt.Sprintf("-%d", w.Streams)) }

// Part is what one side does.
type Part struct {
	// Listen prepares. Each side has listened before either runs. May be nil.
	Listen func(*Env) error
	// Run starts the traffic and returns once it flows. May be nil.
	Run func(*Env) error
	// Finish is called after the measured time, for what counters do not tell.
	// May be nil.
	Finish func(*Env) error
}

// Env is what a part works with.
type Env struct {
	Net     subject.Net
	Link    link.Spec
	Own     string // this side's address
	Other   string // the other side's
	Streams int
	Idle    int
	Warmup  time.Duration
	Time    time.Duration
	Stats   *Stats
	Extra   map[string]float64 // further results

	tool chan toolResult // of a program that makes the requests
	held *held           // idle connections
}

// All are all works, in the report's order.
func All() []Work {
	return slices.Concat(bulk(), pingPong(), requests(), web(), datagrams(), lossy(), idle())
}

// Parse reads a list of names, in which * stands for anything.
func Parse(list string) ([]Work, error) {
	var found []Work
	for word := range strings.SplitSeq(list, ",") {
		these, err := matching(word)
		if err != nil {
			return nil, err
		}
		for _, w := range these {
			if !slices.ContainsFunc(found, func(o Work) bool { return o.Name == w.Name }) {
				found = append(found, w)
			}
		}
	}
	return found, nil
}

func matching(pattern string) (found []Work, err error) {
	for _, w := range All() {
		ok, err := path.Match(pattern, w.Name)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, w)
		}
	}
	if found == nil {
		err = fmt.Errorf("no work called %q; there are %s", pattern, strings.Join(Names(), ", "))
	}
	return found, err
}

// Names returns the names of all works.
func Names() (names []string) {
	for _, w := range All() {
		names = append(names, w.Name)
	}
	return names
}

// accept has serve run on each connection to a port.
func (e *Env) accept(port int, serve func(io.ReadWriteCloser)) error {
	l, err := e.Net.Listen(addrOf(e.Own, port))
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return nil
}

func (e *Env) other(port int) string { return addrOf(e.Other, port) }

func addrOf(host string, port int) string { return fmt.Sprintf("%s:%d", host, port) }
