package icmp

import "github.com/slankdev/ministack/stat"

// CountOut counts a message that a raw socket sends, as the module counts its
// own (icmp_out_count).
func (m *Module) CountOut(typ uint8) {
	m.env.Stat.Inc(stat.IcmpOutMsgs)
	switch typ {
	case TypeEcho:
		m.env.Stat.Inc(stat.IcmpOutEchos)
	case TypeEchoReply:
		m.env.Stat.Inc(stat.IcmpOutEchoReps)
	case TypeTimestamp:
		m.env.Stat.Inc(stat.IcmpOutTimestamps)
	case TypeTimestampReply:
		m.env.Stat.Inc(stat.IcmpOutTimestampReps)
	case TypeUnreachable, TypeTimeExceeded, TypeParamProblem:
		m.countError(typ)
	}
}
