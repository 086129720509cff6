package tcp

import (
	"syscall"
	"time"

	"github.com/slankdev/ministack/inet"
)

// Options of level IPPROTO_TCP, with Linux's numbers (tcp(7)).
const (
	OptNoDelay      = 1
	OptMaxSeg       = 2
	OptCork         = 3
	OptKeepIdle     = 4
	OptKeepIntvl    = 5
	OptKeepCnt      = 6
	OptSynCnt       = 7
	OptLinger2      = 8
	OptDeferAccept  = 9
	OptWindowClamp  = 10
	OptQuickAck     = 12
	OptUserTimeout  = 18
	OptFastOpen     = 23
	OptTimestamp    = 24
	OptNotSentLowat = 25

	OptFastOpenConnect  = 30
	OptFastOpenNoCookie = 34
)

// option reads and sets one option; a nil set makes it read-only.
type option struct {
	get func(c *Conn) int
	set func(c *Conn, v int) error
}

func optionTable(name int) (option, bool) {
	switch name {
	case OptNoDelay:
		return option{func(c *Conn) int { return toInt(c.user.nodelay) }, setNoDelay}, true
	case OptCork:
		return option{func(c *Conn) int { return toInt(c.user.cork) }, setCork}, true
	case OptMaxSeg:
		return option{getMaxSeg, setMaxSeg}, true
	case OptQuickAck:
		return option{func(c *Conn) int { return toInt(!c.interactive()) }, setQuickAck}, true
	case OptUserTimeout:
		return option{func(c *Conn) int { return int(c.user.userTimeout / time.Millisecond) }, setUserTimeout}, true
	case OptFastOpen:
		return option{func(c *Conn) int { return c.server.fastOpenMax }, setFastOpen}, true
	case OptFastOpenConnect:
		return option{func(c *Conn) int { return toInt(c.user.fastOpenConnect) }, setFastOpenConnect}, true
	case OptFastOpenNoCookie:
		return option{func(c *Conn) int { return toInt(c.user.fastOpenNoCookie) }, setFastOpenNoCookie}, true
	case OptDeferAccept:
		return option{getDeferAccept, setDeferAccept}, true
	case OptTimestamp:
		return option{getTimestamp, refuse}, true
	case OptNotSentLowat:
		return option{func(c *Conn) int { return int(int32(c.user.notSentLowat)) },
			func(c *Conn, v int) error { c.wish().notSentLowat = uint32(v); return nil }}, true
	}
	return timingOption(name)
}

func timingOption(name int) (option, bool) {
	switch name {
	case OptKeepIdle:
		return option{func(c *Conn) int { return int(c.keepIdle() / time.Second) }, setKeepIdle}, true
	case OptKeepIntvl:
		return option{func(c *Conn) int { return int(c.keepIntvl() / time.Second) }, setKeepIntvl}, true
	case OptKeepCnt:
		return option{func(c *Conn) int { return c.keepCount() }, within(1, 127, func(c *Conn, v int) { c.wish().keepCount = v })}, true
	case OptSynCnt:
		return option{getSynCnt, within(1, 127, func(c *Conn, v int) { c.wish().synRetries = v })}, true
	case OptLinger2:
		return option{getLinger2, setLinger2}, true
	case OptWindowClamp:
		return option{func(c *Conn) int { return int(c.rcv.clamp) }, setWindowClamp}, true
	}
	return boundOption(name)
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// within makes a setter that refuses values outside [low, high].
func within(low, high int, set func(c *Conn, v int)) func(*Conn, int) error {
	return func(c *Conn, v int) error {
		if v < low || v > high {
			return syscall.EINVAL
		}
		set(c, v)
		return nil
	}
}

// SetOption sets an option of level IPPROTO_TCP. Errors: ENOPROTOOPT, EINVAL.
func (c *Conn) SetOption(name, value int) error {
	o, ok := optionTable(name)
	if !ok || o.set == nil {
		return syscall.ENOPROTOOPT
	}
	c.Lock()
	defer c.Unlock()
	return o.set(c, value)
}

// Option returns an option of level IPPROTO_TCP. Error: ENOPROTOOPT.
func (c *Conn) Option(name int) (int, error) {
	o, ok := optionTable(name)
	if !ok {
		return 0, syscall.ENOPROTOOPT
	}
	c.Lock()
	defer c.Unlock()
	return o.get(c), nil
}

// setNoDelay sends at once what Nagle's algorithm held back, and TCP_CORK
// (tcp(7)).
func setNoDelay(c *Conn, v int) error {
	c.user.nodelay = v != 0
	if v != 0 {
		now := c.Env().Clock.Now()
		c.sendUnheld(now)
		c.output(now)
	}
	return nil
}

func setCork(c *Conn, v int) error {
	c.user.cork = v != 0
	if v == 0 {
		c.output(c.Env().Clock.Now())
	}
	return nil
}

// getMaxSeg returns the payload of a full segment (B46).
func getMaxSeg(c *Conn) int {
	switch {
	case c.state.in(setOf(Closed, Listen)) && c.user.maxseg > 0:
		return int(c.user.maxseg)
	case c.snd.mss == 0 && c.user.maxseg > 0:
		return int(c.user.maxseg) - c.tsLen()
	case c.snd.mss == 0:
		return defaultMSS - c.tsLen()
	}
	return c.snd.mss
}

const (
	minMaxSeg = 88
	maxMaxSeg = 32767
)

func setMaxSeg(c *Conn, v int) error {
	if v != 0 && (v < minMaxSeg || v > maxMaxSeg) {
		return syscall.EINVAL
	}
	c.user.maxseg = uint16(v)
	return nil
}

// setQuickAck leaves the interactive mode and acknowledges what is due, or
// enters it.
func setQuickAck(c *Conn, v int) error {
	if v == 0 {
		c.enterInteractive()
		return nil
	}
	c.ack.pingpong = 0
	if c.ack.due && c.state.in(setOf(Established, CloseWait)) {
		c.ack.now = true
		if v&1 == 0 {
			c.enterInteractive()
		}
	}
	return nil
}

func setUserTimeout(c *Conn, v int) error {
	if v < 0 {
		return syscall.EINVAL
	}
	c.wish().userTimeout = time.Duration(v) * time.Millisecond
	return nil
}

func setKeepIdle(c *Conn, v int) error {
	if v < 1 || v > 32767 {
		return syscall.EINVAL
	}
	c.wish().keepIdle = time.Duration(v) * time.Second
	if c.Options.KeepAlive {
		c.setKeepAlive(true)
	}
	return nil
}

func setKeepIntvl(c *Conn, v int) error {
	if v < 1 || v > 32767 {
		return syscall.EINVAL
	}
	c.wish().keepIntvl = time.Duration(v) * time.Second
	return nil
}

func getSynCnt(c *Conn) int {
	if c.user.synRetries > 0 {
		return c.user.synRetries
	}
	return c.m.set.synRetries.Get()
}

func getLinger2(c *Conn) int {
	switch {
	case c.user.lingerTwo < 0:
		return -1
	case c.user.lingerTwo > 0:
		return int(c.user.lingerTwo / time.Second)
	}
	return c.m.set.finTimeout.Get()
}

func setLinger2(c *Conn, v int) error {
	switch {
	case v < 0:
		c.wish().lingerTwo = -1
	default:
		c.wish().lingerTwo = min(time.Duration(v)*time.Second, 120*time.Second)
	}
	return nil
}

func setWindowClamp(c *Conn, v int) error {
	if v == 0 {
		if c.state != Closed {
			return syscall.EINVAL
		}
		c.wish().windowClamp = 0
		return nil
	}
	c.wish().windowClamp = uint32(max(v, minRcvBuf/2))
	c.moveClamp(int(c.user.windowClamp))
	return nil
}

const minRcvBuf = 2304 // SOCK_MIN_RCVBUF

// SetKeepAlive switches keepalive on or off (SO_KEEPALIVE).
func (c *Conn) SetKeepAlive(on bool) {
	c.Lock()
	defer c.Unlock()
	c.setKeepAlive(on)
}

// SetRcvBuf fixes the receive buffer, in bytes of true size; it is tuned no
// more (SO_RCVBUF).
func (c *Conn) SetRcvBuf(n int) {
	c.Lock()
	defer c.Unlock()
	c.RcvBuf.Store(int32(n))
	c.user.rcvBufLocked = true
	if !c.state.in(setOf(Closed, Listen)) {
		c.setClamp(max(c.rcv.clamp, uint32(c.fullSpace())))
	}
}

// SetSndBuf fixes the send buffer, in bytes of true size (SO_SNDBUF).
func (c *Conn) SetSndBuf(n int) {
	c.Lock()
	defer c.Unlock()
	c.SndBuf.Store(int32(n))
	c.user.sndBufLocked = true
	if c.user.noSpace && c.writable() {
		c.Wake(inet.PollOut)
	}
}

// getTimestamp is what a segment that leaves now has as TSval (RFC 7323 3.2).
func getTimestamp(c *Conn) int { return int(int32(c.timestampNow(c.Env().Clock.Now()))) }

// refuse is the setter of what Linux lets only a socket under repair set.
func refuse(*Conn, int) error { return syscall.EPERM }
