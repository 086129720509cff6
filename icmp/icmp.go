// Package icmp is the Internet Control Message Protocol (RFC 792, RFC 1122
// 3.2.2, RFC 1812 4.3) as Linux speaks it: what is answered, what is reported
// to whom, and how often.
package icmp

import (
	"sync/atomic"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/sysctl"
)

// Module is a stack's ICMP.
type Module struct {
	env    *inet.Env
	ip     *ipv4.Module
	set    settings
	limits limits
	pings  pingTable
	hook   atomic.Pointer[func(*Message) Verdict]
}

var _ inet.Protocol = (*Module)(nil)

// settings are the sysctls of ICMP (ip-sysctl.rst).
type settings struct {
	ratelimit, ratemask         *sysctl.Int
	msgsPerSec, msgsBurst       *sysctl.Int
	ignoreAll, ignoreBroadcasts *sysctl.Int
}

const (
	maxInt = 1<<31 - 1

	// defaultMask limits destination unreachable, source quench, time exceeded
	// and parameter problem.
	defaultMask = 1<<TypeUnreachable | 1<<TypeSourceQuench | 1<<TypeTimeExceeded | 1<<TypeParamProblem
)

func (s *settings) declare(r *sysctl.Registry) {
	s.ratelimit = r.Int("net.ipv4.icmp_ratelimit", 1000, 0, maxInt)
	s.ratemask = r.Int("net.ipv4.icmp_ratemask", defaultMask, 0, maxInt)
	s.msgsPerSec = r.Int("net.ipv4.icmp_msgs_per_sec", 1000, 0, maxInt)
	s.msgsBurst = r.Int("net.ipv4.icmp_msgs_burst", 50, 0, maxInt)
	s.ignoreAll = r.Bool("net.ipv4.icmp_echo_ignore_all", false)
	s.ignoreBroadcasts = r.Bool("net.ipv4.icmp_echo_ignore_broadcasts", true)
}

// New returns the module, entered as protocol 1 and as the sender of errors.
func New(env *inet.Env, ip *ipv4.Module) *Module {
	m := &Module{env: env, ip: ip}
	m.set.declare(env.Sysctl)
	m.limits.init()
	m.pings.init()
	ip.Handle(inet.ProtoICMP, m)
	ip.OnError(m.SendError)
	return m
}
