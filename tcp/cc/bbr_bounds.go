package cc

// bbrBounds are what loss has taught (draft-ietf-ccwg-bbr 5.5.10): long-term,
// how much in flight was too much when probing; short-term, what was delivered
// lately while there was loss.
type bbrBounds struct {
	inflightLong  int
	inflightShort int
	bwShort       float64

	bwLatest       float64 // most delivered in the present round
	inflightLatest int
	nextLossRound  uint32
	lossRoundStart bool
	lossInRound    bool
	losses         int  // ACKs of this round that reported loss
	lostInRound    int  // segments
	sentInRound    int  // segments that were delivered or lost
	much           bool // the round that ended lost more than is tolerated
	manyRanges     bool // and in bbrFullLosses places at least

	saved struct {
		inflightLong, inflightShort int
		bwShort                     float64
	}
}

const bbrNoBW = 1e18 // octets a second: no bound

func (o *bbrBounds) reset() {
	o.inflightLong = bbrInfinite
	o.forgetShort()
}

// forgetShort is done before probing: what was short then may not be now.
func (o *bbrBounds) forgetShort() { o.inflightShort, o.bwShort = bbrInfinite, bbrNoBW }

func (o *bbrBounds) save() {
	o.saved.inflightLong, o.saved.inflightShort, o.saved.bwShort = o.inflightLong, o.inflightShort, o.bwShort
}

func (o *bbrBounds) undo() {
	o.inflightLong = max(o.inflightLong, o.saved.inflightLong)
	o.inflightShort = max(o.inflightShort, o.saved.inflightShort)
	o.bwShort = max(o.bwShort, o.saved.bwShort)
}

// withHeadroom leaves some of the long-term bound to others.
func (o *bbrBounds) withHeadroom() int {
	if o.inflightLong == bbrInfinite {
		return bbrInfinite
	}
	return max(o.inflightLong-max(int(bbrHeadroom*float64(o.inflightLong)), 1), bbrMinCwnd)
}

// latest follows the delivery signals of the round (5.5.10.3).
func (o *bbrBounds) latest(st *State, rs *RateSample) {
	o.lossRoundStart = false
	o.bwLatest = max(o.bwLatest, rs.rate(st))
	o.inflightLatest = max(o.inflightLatest, rs.Delivered)
	if rs.Delivered > 0 && int32(rs.PriorDelivered-o.nextLossRound) >= 0 {
		o.nextLossRound = st.Delivered
		o.lossRoundStart = true
	}
}

func (o *bbrBounds) advance(st *State, rs *RateSample) {
	if o.lossRoundStart {
		o.bwLatest, o.inflightLatest = rs.rate(st), max(rs.Delivered, 0)
	}
}

// adaptShortBounds lowers the short-term bounds once a round with loss, but
// not while probing, which risks loss on purpose. The draft does so for any
// loss; but pacing below the bandwidth, it then loses a part of it each round
// of a path that loses at random. Here a round must have lost more than is
// tolerated of a probe.
func (b *BBR) adaptShortBounds(st *State, rs *RateSample) {
	o := &b.bounds
	o.lostInRound += rs.Losses
	o.sentInRound += rs.Losses + rs.AckedSacked
	if rs.Losses > 0 && !o.lossInRound {
		o.lossInRound = true
		o.nextLossRound = st.Delivered
		o.save()
	}
	if !o.lossRoundStart {
		return
	}
	o.much = float64(o.lostInRound) > bbrLossThresh*float64(o.sentInRound)
	o.manyRanges = o.losses >= bbrFullLosses
	if o.lossInRound && o.much && !b.probesBandwidth() {
		if o.bwShort == bbrNoBW {
			o.bwShort = b.model.maxBW()
		}
		if o.inflightShort == bbrInfinite {
			o.inflightShort = st.Cwnd
		}
		o.bwShort = max(o.bwLatest, bbrBeta*o.bwShort)
		o.inflightShort = max(o.inflightLatest, int(bbrBeta*float64(o.inflightShort)))
	}
	o.lossInRound, o.losses, o.lostInRound, o.sentInRound = false, 0, 0, 0
}

// probesBandwidth reports whether the phase sends faster than it knows to be
// safe.
func (b *BBR) probesBandwidth() bool {
	return b.phase == bbrStartup || b.phase == bbrRefill || b.phase == bbrUp
}

// tooHigh reports whether more was lost, or marked, of what was in flight than
// BBR tolerates (5.5.10.2).
func (rs *RateSample) tooHigh() bool {
	lost := rs.LostSince + rs.DeliveredCE
	return lost > 0 && float64(lost) > bbrLossThresh*float64(rs.TxInFlight)
}

// noteLoss lowers the long-term bound when a probe went too far.
func (b *BBR) noteLoss(st *State, rs *RateSample) {
	if rs.Losses > 0 {
		b.bounds.losses++
	}
	if !b.probe.samples || !rs.tooHigh() {
		return
	}
	b.probe.samples = false // once a probe
	if !rs.IsAppLimited {
		floor := int(bbrBeta * float64(min(b.bdp(st, 1), st.Cwnd)))
		b.bounds.inflightLong = max(rs.TxInFlight, floor)
	}
	if b.phase == bbrUp {
		b.startDown(st)
	}
}
