package netdev

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Impairment is what is wrong with a link. The zero Impairment is a good one.
type Impairment struct {
	Loss      float64       // share of frames that are lost, 0 to 1
	Duplicate float64       // that come twice
	Corrupt   float64       // that have one bit turned
	Reorder   float64       // that come ReorderBy later than the others
	ReorderBy time.Duration // 0: 5 ms
	Delay     time.Duration // of every frame
	Jitter    time.Duration // added to it, at random from 0 on; order is kept
	Rate      int64         // bits a second, 0: no limit
	Limit     int           // frames that wait for the rate, 0: 1000
	Mark      int           // frames waiting from which on ECN-capable packets are marked, 0: none
	Seed      uint64        // of the randomness
}

// defaultReorderBy is how late a reordered frame comes unless told otherwise.
const defaultReorderBy = 5 * time.Millisecond

// ParseImpairment reads a list such as
//
//	loss=1%,delay=5ms,jitter=1ms,reorder=2%/8ms,dup=1%,corrupt=0.1%,rate=100mbit,limit=500,seed=7
//
// Errors name the word that is wrong, and unwrap to EINVAL.
func ParseImpairment(text string) (Impairment, error) {
	var o Impairment
	for _, word := range strings.Split(text, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		key, value, _ := strings.Cut(word, "=")
		if err := o.set(key, value); err != nil {
			return Impairment{}, fmt.Errorf("impairment %q: %w", word, err)
		}
	}
	return o, nil
}

func (o *Impairment) set(key, value string) (err error) {
	switch key {
	case "loss":
		o.Loss, err = share(value)
	case "dup", "duplicate":
		o.Duplicate, err = share(value)
	case "corrupt":
		o.Corrupt, err = share(value)
	case "reorder":
		part, by, _ := strings.Cut(value, "/")
		if o.Reorder, err = share(part); err == nil && by != "" {
			o.ReorderBy, err = span(by)
		}
	case "delay":
		o.Delay, err = span(value)
	case "jitter":
		o.Jitter, err = span(value)
	case "rate":
		o.Rate, err = bitRate(value)
	case "limit":
		o.Limit, err = strconv.Atoi(value)
	case "mark":
		o.Mark, err = strconv.Atoi(value)
	case "seed":
		o.Seed, err = strconv.ParseUint(value, 10, 64)
	default:
		return fmt.Errorf("unknown; there are loss, dup, corrupt, reorder, delay, jitter, rate, limit, mark, seed: %w", syscall.EINVAL)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", err, syscall.EINVAL)
	}
	return nil
}

// share reads "2%" or "0.02".
func share(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(number, 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return 0, fmt.Errorf("want a share such as 2%% or 0.02")
	}
	return v, nil
}

func span(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want a time such as 5ms")
	}
	return d, nil
}

// bitRate reads "100mbit", as tc does.
func bitRate(text string) (int64, error) {
	factor := int64(1)
	for _, u := range []struct {
		suffix string
		factor int64
	}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}} {
		if n, ok := strings.CutSuffix(text, u.suffix); ok {
			text, factor = n, u.factor
			break
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || v <= 0 {
		return 0, fmt.Errorf("want a rate such as 100mbit")
	}
	return int64(v * float64(factor)), nil
}
