package raw

import (
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/icmp"
	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/skb"
)

// ICMP_FILTER (raw(7)): a socket of protocol ICMP does not want to see some
// types of message.

// OptICMPFilter is the option's number at level SOL_RAW.
const OptICMPFilter = 1

// filter has a bit for each of the types 0 to 31 that are blocked (struct
// icmp_filter, B11).
type filter struct{ blocked atomic.Uint32 }

// passes reports whether the message at b's data is to be seen. Types that have
// no bit are; what is too short to be a message is not (icmp_filter).
func (f *filter) passes(b *skb.Buffer) bool {
	if !b.MayPull(icmp.HeaderLen) {
		return false
	}
	typ := icmp.Header(b.Data()).Type()
	return typ >= 32 || f.blocked.Load()&(1<<typ) == 0
}

// SetOption sets an option of level SOL_RAW (raw_seticmpfilter). Errors:
// EOPNOTSUPP for a filter of messages that are not ICMP, ENOPROTOOPT.
func (s *Sock) SetOption(name, value int) error {
	if err := s.hasOption(name); err != nil {
		return err
	}
	s.filter.blocked.Store(uint32(value))
	return nil
}

// Option returns an option of level SOL_RAW (raw_geticmpfilter); errors as
// SetOption.
func (s *Sock) Option(name int) (int, error) {
	if err := s.hasOption(name); err != nil {
		return 0, err
	}
	return int(int32(s.filter.blocked.Load())), nil
}

func (s *Sock) hasOption(name int) error {
	switch {
	case name != OptICMPFilter:
		return syscall.ENOPROTOOPT
	case s.protocol != inet.ProtoICMP:
		return syscall.EOPNOTSUPP
	}
	return nil
}
