package cc

// update computes cnt for the current window.
func (c *Cubic) update(st *State, acked int) {
	c.ackCnt += int32(acked)
	since := st.Now.Sub(c.lastTime)
	if int(c.lastCwnd) == st.Cwnd && since <= 31*jiffy {
		return
	}
	if !c.inEpoch || since >= jiffy { // the curve moves once a jiffy
		c.lastCwnd, c.lastTime = int32(st.Cwnd), st.Now
		if !c.inEpoch {
			c.begin(st, acked)
		}
		c.cnt = int32(c.along(st))
	}
	c.befriend(st.Cwnd)
	c.cnt = max(c.cnt, 2) // no more than 1.5 times a round trip
}

// begin starts a curve at the present window: RFC 9438 4.2.
func (c *Cubic) begin(st *State, acked int) {
	c.epoch, c.inEpoch = st.Now, true
	c.ackCnt, c.wEst = int32(acked), int32(st.Cwnd)
	c.k, c.origin = 0, int32(st.Cwnd)
	if wMax := int(c.wMax); wMax > st.Cwnd {
		c.k = int32(cbrt(cubeFactor * uint64(wMax-st.Cwnd)))
		c.origin = c.wMax
	}
}

// along returns cnt for the target one RTT ahead: RFC 9438 4.4, 4.5.
func (c *Cubic) along(st *State) int {
	ms := int64(st.Now.Sub(c.epoch)/jiffy) + int64((c.delayMin+jiffy-1)/jiffy)
	target := int(c.origin) + c.offset(ms*hz/1000-int64(c.k))
	cnt := 100 * st.Cwnd // at or above the curve: hardly grow
	if target > st.Cwnd {
		cnt = st.Cwnd / (target - st.Cwnd)
	}
	if c.wMax == 0 { // nothing is known of the path yet: at least 5 % an RTT
		cnt = min(cnt, 20)
	}
	return cnt
}

// offset returns C*t^3 segments for t in 1/1024 s. Beyond two minutes, where
// the cube no longer fits, t is cut: the window is past any bound then.
func (c *Cubic) offset(t int64) int {
	const far = 1 << 17
	t = min(max(t, -far), far)
	if t < 0 {
		return -int(uint64(-t*t*t) * cubeScale >> 40)
	}
	return int(uint64(t*t*t) * cubeScale >> 40)
}

// befriend keeps up with the window that Reno would have: RFC 9438 4.3.
func (c *Cubic) befriend(cwnd int) {
	if perSegment := int32(cwnd * friendScale >> 3); perSegment > 0 {
		c.wEst += c.ackCnt / perSegment
		c.ackCnt %= perSegment
	}
	if wEst := int(c.wEst); wEst > cwnd {
		c.cnt = min(c.cnt, int32(cwnd/(wEst-cwnd)))
	}
}

// cbrt returns the integer cube root, digit by binary digit: the same on every
// machine, which floating point is not.
func cbrt(x uint64) uint64 {
	var root uint64
	for bit := 20; bit >= 0; bit-- {
		next := root | 1<<bit
		if next*next*next <= x {
			root = next
		}
	}
	return root
}
