package rtx

import "github.com/slankdev/ministack/tcp/cc"

// Linux's defaults.
const (
	defaultMSS           = 536
	defaultReordering    = 3
	defaultMaxReordering = 300
	defaultSYNLinear     = 4
)

func (c Config) withDefaults() Config {
	setDefault(&c.MSS, defaultMSS)
	setDefault(&c.InitialWindow, cc.InitialWindow)
	setDefault(&c.CwndClamp, cc.InfiniteSsthresh)
	setDefault(&c.Reordering, defaultReordering)
	setDefault(&c.MaxReordering, defaultMaxReordering)
	setDefault(&c.SYNLinear, defaultSYNLinear)
	return c
}

func setDefault(v *int, d int) {
	if *v == 0 {
		*v = d
	}
}

// Shared is a Config for any number of Senders, which differ in their congestion
// control at most. It is not changed.
type Shared struct {
	Config
	asked  Config // as it was given
	limits cc.Limits
}

// Share makes a Config ready for many Senders.
func (c Config) Share() *Shared {
	s := &Shared{Config: c.withDefaults(), asked: c}
	s.RTT = s.RTT.WithDefaults()
	s.limits = cc.Limits{CwndClamp: s.CwndClamp, SlowStartPacing: s.SlowStartPacing, AvoidancePacing: s.AvoidancePacing, GSOMaxSize: 65536}
	return s
}

// Of reports whether s is what Share would make of c.
func (s *Shared) Of(c *Config) bool { return s.asked == *c }
