package tcp

import (
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/stat"
)

// Challenge ACKs (RFC 5961): what looks like a blind attack, or a peer that
// forgot the connection, is answered by an ACK that only a real peer can act
// on. They are limited for each connection and for the stack (RFC 5961 7); the
// stack's limit is random around its mean, or it would tell an off-path
// attacker how many were used (CVE-2016-5696).

type challengeLimit struct {
	mu     sync.Mutex
	second int64
	left   int
}

// allow takes one challenge of this second's.
func (l *challengeLimit) allow(m *Module, now clock.Time) bool {
	limit := m.set.challengeLimit.Get()
	if limit == maxInt {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := int64(now) / int64(time.Second); s != l.second {
		half := (limit + 1) / 2
		l.second, l.left = s, half+int(m.env.Rand.Uint32()%uint32(max(limit, 1)))
	}
	if l.left <= 0 {
		return false
	}
	l.left--
	return true
}

// challenge sends a challenge ACK, if the limits allow.
func (c *Conn) challenge(now clock.Time) {
	if c.tooSoon(now, stat.TcpExtTCPACKSkippedChallenge) || !c.m.limits.allow(c.m, now) {
		return
	}
	c.Env().Stat.Inc(stat.TcpExtTCPChallengeACK)
	c.sendAck()
}
