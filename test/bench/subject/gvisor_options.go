package subject

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// GVisorOptions are what gVisor's users choose by their link. The zero value
// is what was fastest here; README.md has the figures.
type GVisorOptions struct {
	Dispatch   string // fdbased's PacketDispatchMode, for AF_PACKET
	Processors int    // fdbased's ProcessorsPerChannel; 0: GOMAXPROCS
	GRO        string
	QDisc      string
	Buffer     int // bytes that a connection begins with, each way
}

// GVisorHelp lists the options for people.
const GVisorHelp = "dispatch=readv|recvmmsg|mmap, processors=N, gro=on|off, qdisc=fifo|none, buffer=BYTES"

// Set reads options such as "gro=on:processors=1".
func (o *GVisorOptions) Set(list string) error {
	for word := range strings.SplitSeq(list, ":") {
		name, value, _ := strings.Cut(word, "=")
		if err := o.set(name, value); err != nil {
			return fmt.Errorf("gVisor's option %q: %w; there are %s", word, err, GVisorHelp)
		}
	}
	return nil
}

func (o *GVisorOptions) set(name, value string) (err error) {
	switch name {
	case "dispatch":
		o.Dispatch, err = oneOf(value, "readv", "recvmmsg", "mmap")
	case "gro":
		o.GRO, err = oneOf(value, "on", "off")
	case "qdisc":
		o.QDisc, err = oneOf(value, "fifo", "none")
	case "processors":
		o.Processors, err = strconv.Atoi(value)
	case "buffer":
		o.Buffer, err = strconv.Atoi(value)
	default:
		err = fmt.Errorf("no such option")
	}
	return err
}

func oneOf(value string, values ...string) (string, error) {
	if !slices.Contains(values, value) {
		return "", fmt.Errorf("not one of %s", strings.Join(values, ", "))
	}
	return value, nil
}
