package tcp

import (
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/rtt"
	"github.com/slankdev/ministack/tcp/rtx"
	"github.com/slankdev/ministack/tcp/seq"
)

// The active side of the handshake (RFC 9293 3.5), and what both sides set up.

// initSender prepares what counts from the first sequence number una.
func (c *Conn) initSender(now clock.Time, una seq.Num) {
	s := &c.m.set
	cfg := rtx.Config{
		Reordering:         s.reordering.Get(),
		SYNLinear:          linearOrNone(s.synLinear.Get()),
		MaxReordering:      s.maxReordering.Get(),
		NoTLP:              s.earlyRetrans.Get() < 3,
		NoFRTO:             !s.frto.Bool(),
		StaticReoWnd:       s.recovery.Get()&2 != 0,
		NoDupThresh:        s.recovery.Get()&4 != 0,
		NoCollapse:         !s.collapse.Bool(),
		SlowStartAfterIdle: s.slowStartAfterIdle.Bool(),
		Pool:               c.m.ranges,
		ThinLinear:         c.user.timing.thinLinear || s.thinLinear.Bool(),
		RTT:                rtt.Config{MinRTO: c.rtoMin(), MaxRTO: c.rtoMax(), MinWindow: max(seconds(s.minRTTWindow), 1)},
		SlowStartPacing:    s.pacingSS.Get(),
		AvoidancePacing:    s.pacingCA.Get(),
	}
	c.tx.Start(now, c.m.recovery(&cfg), c.m.congestion.New(c.user.congestion), una)
	c.tx.CC.MaxPacingRate = c.user.maxPacing
}

// recovery returns what connections with the same settings share.
func (m *Module) recovery(cfg *rtx.Config) *rtx.Shared {
	if s := m.shared.recovery.Load(); s != nil && s.Of(cfg) {
		return s
	}
	s := cfg.Share()
	m.shared.recovery.Store(s)
	return s
}

// linearOrNone is rtx.Config's form of the setting: its zero means the default.
func linearOrNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// sendSyn opens actively: SYN_SENT, and the SYN with its options; with Fast
// Open also with data, or later.
func (c *Conn) sendSyn(now clock.Time, data []byte) error {
	r, err := c.checkRoute()
	if err != nil {
		return err
	}
	c.prepareSyn(now, c.m.advertisedMSS(r, c.user.maxseg))
	c.setState(SynSent)
	if err := c.m.hash(c); err != nil {
		c.setState(Closed)
		return err
	}
	c.Env().Stat.Inc(stat.TcpActiveOpens)
	if !c.mayDefer() {
		c.sendFirstSyn(now, data)
	}
	return nil
}

// prepareSyn decides what the SYN offers.
func (c *Conn) prepareSyn(now clock.Time, mss uint16) {
	s := &c.m.set
	c.snd.iss = c.m.isn(c.Local, c.Peer)
	if c.user.firstSeq != 0 {
		c.snd.iss = seq.New(c.user.firstSeq)
	}
	c.ts.on = s.timestamps.Bool()
	c.ts.offset = c.m.tsOffset(c.Local, c.Peer)
	c.ts.sackOK, c.ts.wscaleOK = s.sack.Bool(), s.windowScaling.Bool()
	c.snd.una, c.snd.nxt = c.snd.iss, c.snd.iss.Add(1)
	c.snd.up, c.snd.lastSmall, c.snd.pushed = c.snd.iss, c.snd.iss, c.snd.iss
	c.snd.psh, c.snd.tail = c.snd.iss, c.snd.iss
	c.sendq.init(c.snd.nxt)
	c.initSender(now, c.snd.iss)
	c.rekey()
	c.ts.on = c.ts.on && !c.signsMD5()
	c.initReceiveWindow(mss)
	c.user.offer = synOffer{ts: c.ts.on, sack: c.ts.sackOK, wscale: c.ts.wscaleOK, shift: c.rcv.wscale}
}

// initReceiveWindow sets the first window to offer.
func (c *Conn) initReceiveWindow(mss uint16) {
	c.rcv.advMSS = mss
	c.rcv.wnd, c.rcv.wscale = c.initialWindow(int(mss), c.ts.wscaleOK)
	c.setClamp(max(c.rcv.wnd, uint32(c.fullSpace())))
	c.rcv.ssthresh = c.rcv.wnd
	c.rcv.mssGuess = minMaxSeg // no window is open yet
}

// transmitSyn sends the SYN, or in SYN_RECV (a simultaneous open) the SYN-ACK.
func (c *Conn) transmitSyn(now clock.Time) bool { return c.transmitSynWith(now, &optionSpace{}, 0) }

// transmitSynWith sends it with what Fast Open adds: an option, and so many
// bytes of data.
func (c *Conn) transmitSynWith(now clock.Time, o *optionSpace, data int) bool {
	c.lowerAdvertisedMSS()
	o.sig = c.signer()
	offer := &c.user.offer
	o.mss, o.sackPerm, o.ts, o.hasWScale, o.wscale = c.rcv.advMSS, offer.sack, offer.ts, offer.wscale, offer.shift
	f := fields{src: c.Local.Port(), dst: c.Peer.Port(), seq: c.snd.iss, flags: SYN,
		window: uint16(min(c.rcv.wnd, maxUnscaledWindow))}
	if offer.ts {
		o.tsval, o.tsecr = c.timestampNow(now), c.ts.recent
	}
	switch {
	case c.state == SynSent:
		flags, ae := c.offerECN()
		f.flags, f.ae = f.flags|flags, ae
	case c.ecn.on:
		f.flags |= ECE
		fallthrough
	default: // SYN-RECEIVED
		f.flags |= ACK
		f.ack = c.rcv.nxt
	}
	b := c.Env().Pool.New(0)
	if data > 0 {
		c.sendq.attach(b, c.snd.iss.Add(1), data)
	}
	putHeader(b, &f, o)
	c.Env().Stat.Inc(stat.TcpOutSegs)
	c.passed.out(1, data)
	return c.hand(b, txSyn, ectNone)
}

// lowerAdvertisedMSS follows a path MTU that became smaller since the SYN was
// first sent (tcp_advertise_mss).
func (c *Conn) lowerAdvertisedMSS() {
	if r, err := c.checkRoute(); err == nil {
		c.rcv.advMSS = min(c.rcv.advMSS, c.m.advertisedMSS(r, c.user.maxseg))
	}
}

// established ends the handshake on either side (tcp_init_transfer).
func (c *Conn) established(now clock.Time) {
	c.setState(Established)
	c.start(now)
	c.shutLate()
}

// start begins the transfer.
func (c *Conn) start(now clock.Time) {
	c.snd.maxWnd = max(c.snd.maxWnd, c.snd.wnd)
	c.startMTUSearch(now)
	c.syncMSS(c.route.MTU)
	c.tx.Established(now)
	c.seedFromMetrics(now)
	c.timers.lastHeard, c.snd.lastSent = now, now
	c.initReceiveBuffer(now)
	c.chrono.begin(now)
	c.growSendBuffer()
	if c.Options.KeepAlive {
		c.armKeep(now.Add(c.keepIdle()))
	}
}

// acceptOptions takes over what the peer's SYN or SYN-ACK offers, within what
// we offer (RFC 7323 2.2 and 3.2, RFC 2018 2).
func (c *Conn) acceptOptions(s *segment) {
	c.ts.on = c.ts.on && s.hasTS
	c.ts.sackOK = c.ts.sackOK && s.sackPerm
	c.ts.wscaleOK = c.ts.wscaleOK && s.hasWScale
	if c.ts.wscaleOK {
		c.snd.wscale = s.wscale
	} else {
		c.snd.wscale, c.rcv.wscale = 0, 0
		c.rcv.wnd = min(c.rcv.wnd, maxUnscaledWindow)
		c.setClamp(c.rcv.clamp)
	}
	c.snd.peerMSS = defaultMSS
	if s.hasMSS {
		c.snd.peerMSS = max(s.mss, uint16(c.m.set.minSndMSS.Get()))
	}
	if c.ts.on {
		c.ts.recent, c.ts.recentAge = s.tsval, c.Env().Clock.Now()
		c.rcv.advMSS -= lenTSPad
	}
	c.tx.Negotiate(c.ts.sackOK, c.ts.on)
}
