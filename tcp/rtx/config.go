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

// config is what a Sender keeps of its Config: in as few bytes as it takes,
// since each connection has one.
type config struct {
	initialWindow, reordering, maxReordering, synLinear int32

	sack, timestamps, noTLP, noFRTO, staticReoWnd, noDupThresh,
	noCollapse, slowStartAfterIdle, thinLinear bool
}

func (c *Config) compact() config {
	return config{
		initialWindow: int32(c.InitialWindow), reordering: int32(c.Reordering),
		maxReordering: int32(c.MaxReordering), synLinear: int32(c.SYNLinear),
		sack: c.SACK, timestamps: c.Timestamps, noTLP: c.NoTLP, noFRTO: c.NoFRTO,
		staticReoWnd: c.StaticReoWnd, noDupThresh: c.NoDupThresh, noCollapse: c.NoCollapse,
		slowStartAfterIdle: c.SlowStartAfterIdle, thinLinear: c.ThinLinear,
	}
}
