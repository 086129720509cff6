package socket

import (
	"sync/atomic"
	"syscall"
	"time"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/tcp"
)

// Setsockopt sets an option that is a number (setsockopt(2)). SO_RCVTIMEO and
// SO_SNDTIMEO are in microseconds, SO_LINGER in seconds, negative for off,
// SO_BINDTODEVICE, IP_MULTICAST_IF and IP_UNICAST_IF the device's index. Errors: ENOPROTOOPT for an option that
// is not there, EINVAL.
func (s *Socket) Setsockopt(level, name, value int) error {
	if err := s.open(); err != nil {
		return err
	}
	switch {
	case level == SOL_SOCKET:
		return s.setSocketOption(name, value)
	case level == SOL_IP && s.domain == AF_INET:
		return s.setIPOption(name, value)
	}
	return s.ops.SetInt(level, name, value)
}

// Getsockopt returns an option that is a number (getsockopt(2)); see
// Setsockopt.
func (s *Socket) Getsockopt(level, name int) (int, error) {
	if err := s.open(); err != nil {
		return 0, err
	}
	switch {
	case level == SOL_SOCKET:
		return s.socketOption(name)
	case level == SOL_IP && s.domain == AF_INET:
		return s.ipOption(name)
	}
	return s.ops.GetInt(level, name)
}

// Limits of the buffers (SOCK_MIN_RCVBUF, SOCK_MIN_SNDBUF).
const (
	minRcvBuf = 2304
	minSndBuf = 4608
	maxBuffer = (1<<31 - 1) / 2
)

func (s *Socket) setSocketOption(name, value int) error {
	switch name {
	case SO_RCVBUF:
		s.setRcvBuf(bufferOf(value, s.family.set.rmemMax.Get()))
		return nil
	case SO_RCVBUFFORCE:
		s.setRcvBuf(max(value, 0))
		return nil
	case SO_SNDBUF:
		s.setSndBuf(bufferOf(value, s.family.set.wmemMax.Get()))
		return nil
	case SO_SNDBUFFORCE:
		s.setSndBuf(max(value, 0))
		return nil
	case SO_RCVTIMEO:
		return setTimeout(&s.bound().rcvTimeout, value)
	case SO_SNDTIMEO:
		return setTimeout(&s.bound().sndTimeout, value)
	case SO_KEEPALIVE:
		return s.setKeepAlive(value != 0)
	case SO_BINDTODEVICE, SO_BINDTOIFINDEX:
		return s.setDevice(value)
	case SO_MAX_PACING_RATE:
		return s.setMaxPacingRate(value)
	case SO_DETACH_FILTER:
		return s.DetachFilter()
	case SO_LOCK_FILTER:
		return s.ops.Common().LockFilter(value != 0)
	}
	return s.setCommon(name, value)
}

// setCommon sets what is kept in the part that all sockets have.
func (s *Socket) setCommon(name, value int) error {
	c := s.ops.Common()
	c.Lock()
	defer c.Unlock()
	o, on := &c.Options, value != 0
	switch name {
	case SO_REUSEADDR:
		o.ReuseAddr = on
		if d, ok := s.ops.(dgramOps); ok {
			d.s.ReuseChanged()
		}
	case SO_REUSEPORT:
		o.ReusePort = on
	case SO_BROADCAST:
		o.Broadcast = on
	case SO_OOBINLINE:
		o.OOBInline = on
	case SO_LINGER:
		o.Linger, o.LingerSeconds = value >= 0, int32(max(value, 0))
	case SO_NO_CHECK:
		o.NoChecksum = on
	case SO_SELECT_ERR_QUEUE:
		o.SelectErrQueue = on
	case SO_RCVLOWAT:
		if o.RcvLowat = int32(value); value < 0 {
			o.RcvLowat = 1<<31 - 1
		}
	case SO_RXQ_OVFL:
		o.RecvDrops = on
	case SO_TIMESTAMP:
		setStamp(o, on, inet.StampMicro)
	case SO_TIMESTAMPNS:
		setStamp(o, on, inet.StampNano)
	default:
		return syscall.ENOPROTOOPT
	}
	return nil
}

// setStamp asks for receive times in a unit; off ends them in either.
func setStamp(o *inet.Options, on bool, unit uint8) {
	if !on {
		unit = inet.StampNone
	}
	o.Timestamp = unit
}

// bufferOf is the size asked for within its limit; a negative one is the
// largest (sock_setsockopt reads it without sign).
func bufferOf(value, limit int) int {
	if value < 0 {
		return limit
	}
	return min(value, limit)
}

func setTimeout(t *atomic.Int64, microseconds int) error {
	if microseconds < 0 {
		return syscall.EDOM
	}
	t.Store(int64(microseconds) * int64(time.Microsecond))
	return nil
}

// setDevice binds the socket to a device by its index, 0 for none. Errors:
// ENODEV, ENOPROTOOPT for packet sockets, which BindLink is for (socket(7)).
func (s *Socket) setDevice(index int) error {
	if s.domain == AF_PACKET {
		return syscall.ENOPROTOOPT
	}
	if index != 0 && s.family.env.Dev.ByIndex(index) == nil {
		return syscall.ENODEV
	}
	if o, ok := s.ops.(interface{ setDevice(int) }); ok {
		o.setDevice(index)
		return nil
	}
	c := s.ops.Common()
	c.Lock()
	defer c.Unlock()
	c.Options.Device = index
	return nil
}

// setRcvBuf takes the bytes of data that are to fit; the buffer is twice as
// large, for what is held beside them (B46).
func (s *Socket) setRcvBuf(n int) {
	n = max(2*min(n, maxBuffer), minRcvBuf)
	if c := s.Conn(); c != nil {
		c.SetRcvBuf(n)
		return
	}
	s.ops.Common().RcvBuf.Store(int32(n))
}

// setMaxPacingRate takes octets a second; all bits set remove the bound. Error:
// ENOPROTOOPT where there is no pacing.
func (s *Socket) setMaxPacingRate(rate int) error {
	c := s.Conn()
	if c == nil {
		return syscall.ENOPROTOOPT
	}
	if rate == -1 || rate == 1<<32-1 {
		rate = 0
	}
	c.SetMaxPacingRate(uint64(rate))
	return nil
}

// maxPacingRate is -1 without a bound, all bits set as in Linux.
func (s *Socket) maxPacingRate() (int, error) {
	c := s.Conn()
	switch {
	case c == nil:
		return 0, syscall.ENOPROTOOPT
	case c.MaxPacingRate() == 0:
		return -1, nil
	}
	return int(c.MaxPacingRate()), nil
}

func (s *Socket) setSndBuf(n int) {
	n = max(2*min(n, maxBuffer), minSndBuf)
	if c := s.Conn(); c != nil {
		c.SetSndBuf(n)
		return
	}
	s.ops.Common().SndBuf.Store(int32(n))
}

func (s *Socket) setKeepAlive(on bool) error {
	if c := s.Conn(); c != nil {
		c.SetKeepAlive(on)
		return nil
	}
	c := s.ops.Common()
	c.Lock()
	defer c.Unlock()
	c.Options.KeepAlive = on
	return nil
}

func (s *Socket) socketOption(name int) (int, error) {
	c := s.ops.Common()
	switch name {
	case SO_TYPE:
		return int(s.typ), nil
	case SO_PROTOCOL:
		return int(s.protocol), nil
	case SO_DOMAIN:
		return int(s.domain), nil
	case SO_RCVBUF:
		return int(c.RcvBuf.Load()), nil
	case SO_SNDBUF:
		return int(c.SndBuf.Load()), nil
	case SO_RCVTIMEO:
		return int(s.limits().rcvTimeout.Load() / int64(time.Microsecond)), nil
	case SO_SNDTIMEO:
		return int(s.limits().sndTimeout.Load() / int64(time.Microsecond)), nil
	case SO_MAX_PACING_RATE:
		return s.maxPacingRate()
	case SO_ERROR:
		return takeError(c), nil
	case SO_SNDLOWAT:
		return 1, nil
	case SO_ACCEPTCONN:
		return number(s.listens()), nil
	case SO_LOCK_FILTER:
		return number(c.FilterLocked()), nil
	}
	return s.commonOption(name)
}

func (s *Socket) commonOption(name int) (int, error) {
	c := s.ops.Common()
	c.Lock()
	defer c.Unlock()
	o := &c.Options
	switch name {
	case SO_REUSEADDR:
		return number(o.ReuseAddr), nil
	case SO_REUSEPORT:
		return number(o.ReusePort), nil
	case SO_BROADCAST:
		return number(o.Broadcast), nil
	case SO_OOBINLINE:
		return number(o.OOBInline), nil
	case SO_KEEPALIVE:
		return number(o.KeepAlive), nil
	case SO_BINDTODEVICE, SO_BINDTOIFINDEX:
		if s.domain == AF_PACKET {
			return 0, syscall.ENOPROTOOPT
		}
		return o.Device, nil
	case SO_RCVLOWAT:
		return o.LowAt(), nil
	case SO_NO_CHECK:
		return number(o.NoChecksum), nil
	case SO_SELECT_ERR_QUEUE:
		return number(o.SelectErrQueue), nil
	case SO_RXQ_OVFL:
		return number(o.RecvDrops), nil
	case SO_TIMESTAMP:
		return number(o.Timestamp == inet.StampMicro), nil
	case SO_TIMESTAMPNS:
		return number(o.Timestamp == inet.StampNano), nil
	case SO_LINGER:
		if !o.Linger {
			return -1, nil
		}
		return int(o.LingerSeconds), nil
	}
	return 0, syscall.ENOPROTOOPT
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// takeError returns the error that ended the socket's work, or else the last
// one that did not, and clears it (sock_error, sk_err_soft).
func takeError(c *inet.Sock) int {
	if e, ok := c.TakeError().(syscall.Errno); ok {
		return int(e)
	}
	soft := c.SoftError()
	c.SetSoftError(0)
	return int(soft)
}

// listens reports whether the socket is a listener.
func (s *Socket) listens() bool {
	c := s.Conn()
	return c != nil && c.State() == tcp.Listen
}

// SetCongestion chooses a stream's congestion control (TCP_CONGESTION).
// Errors: ENOENT, ENOPROTOOPT for other sockets.
func (s *Socket) SetCongestion(name string) error {
	c := s.Conn()
	if c == nil {
		return syscall.ENOPROTOOPT
	}
	return c.SetCongestion(name)
}
