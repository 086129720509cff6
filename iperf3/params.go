package iperf3

import (
	"errors"
	"fmt"
)

// params is what a client asks for. Large numbers are float64,
// because clients write them with an exponent.
type params struct {
	TCP           bool    `json:"tcp"`
	UDP           bool    `json:"udp"`
	Omit          float64 `json:"omit"`       // seconds at the beginning that do not count
	Time          float64 `json:"time"`       // seconds, 0: until num or blockcount
	Num           float64 `json:"num"`        // bytes of all streams, 0: no bound
	BlockCount    float64 `json:"blockcount"` // blocks of all streams, 0: no bound
	Parallel      int     `json:"parallel"`   // streams each way
	Reverse       bool    `json:"reverse"`    // the server sends
	Bidirectional bool    `json:"bidirectional"`
	Len           int     `json:"len"` // bytes of a block, or of a datagram
	MSS           int     `json:"MSS"`
	NoDelay       bool    `json:"nodelay"`
	Window        int     `json:"window"`    // bytes of each socket buffer
	Bandwidth     float64 `json:"bandwidth"` // bits a second of each stream, 0: no bound
	FQRate        float64 `json:"fqrate"`    // bits a second, for the socket's own pacing
	Burst         int     `json:"burst"`     // blocks that leave together
	PacingTimer   float64 `json:"pacing_timer"`
	TOS           int     `json:"TOS"`
	Congestion    string  `json:"congestion"`
	DontFragment  flag    `json:"dont_fragment"`
	ServerOutput  flag    `json:"get_server_output"`
	Counters64    flag    `json:"udp_counters_64bit"`
	Repeating     flag    `json:"repeating_payload"`
	SkipCopy      flag    `json:"skip_rx_copy"`
}

// flag is a switch that clients send as 1, or as true.
type flag bool

// UnmarshalJSON takes 0, false and null for off.
func (f *flag) UnmarshalJSON(p []byte) error {
	*f = string(p) != "0" && string(p) != "false" && string(p) != "null"
	return nil
}

// Bounds of what one test may ask for.
const (
	maxStreams  = 128
	maxBlock    = 1 << 20
	maxDatagram = 65507
	maxSeconds  = 86400
	maxCount    = 1 << 60
)

var errProtocol = errors.New("neither TCP nor UDP")

// check refuses what cannot be served.
func (p *params) check() error {
	if p.TCP == p.UDP {
		return fail(reasonProtocol, errProtocol)
	}
	least, most := 1, maxBlock
	if p.UDP {
		least, most = p.header(), maxDatagram
	}
	switch {
	case p.Parallel < 1 || p.Parallel > maxStreams:
		return fail(reasonParams, fmt.Errorf("%d streams", p.Parallel))
	case p.Len < least || p.Len > most:
		return fail(reasonParams, fmt.Errorf("blocks of %d bytes", p.Len))
	case !within(p.Time, maxSeconds) || !within(p.Omit, maxSeconds):
		return fail(reasonParams, fmt.Errorf("time %v, omit %v", p.Time, p.Omit))
	case !within(p.Num, maxCount) || !within(p.BlockCount, maxCount):
		return fail(reasonParams, fmt.Errorf("%v bytes, %v blocks", p.Num, p.BlockCount))
	case !within(p.Bandwidth, maxCount) || !within(p.FQRate, maxCount):
		return fail(reasonParams, fmt.Errorf("bandwidth %v, fqrate %v", p.Bandwidth, p.FQRate))
	case p.Burst < 0 || p.Burst > maxBurst || !within(p.PacingTimer, 1e9):
		return fail(reasonParams, fmt.Errorf("burst %d, pacing timer %v", p.Burst, p.PacingTimer))
	}
	return nil
}

func within(v, most float64) bool { return v >= 0 && v <= most }

// header is how many bytes a datagram has at least: its time and number.
func (p *params) header() int {
	if p.Counters64 {
		return header64
	}
	return header32
}

// streams is how many the client opens.
func (p *params) streams() int {
	if p.Bidirectional {
		return 2 * p.Parallel
	}
	return p.Parallel
}

// sends tells which streams the server sends on: all, none, or the second half.
func (p *params) sends(i int) bool {
	if p.Bidirectional {
		return i >= p.Parallel
	}
	return p.Reverse
}

// streamID is the number of the stream that was opened as number i from 0.
func streamID(i int) int {
	if i == 0 {
		return 1
	}
	return i + 2
}
