package tcp

import (
	"time"

	"github.com/slankdev/ministack/stat"
	"github.com/slankdev/ministack/tcp/rtx"
)

// Info is what TCP_INFO tells (struct tcp_info), with Go's units.
type Info struct {
	rtx.Info
	ConnState                               State
	Congestion                              string
	SACK, Timestamps                        bool
	WScale                                  bool
	SndWScale, RcvWScale                    uint8
	AdvMSS, RcvMSS                          int
	SndWnd, RcvWnd                          int
	RcvSpace, RcvSsthresh                   int
	RcvRTT, ATO                             time.Duration
	Probes                                  int
	NotSent                                 int
	LastDataSent, LastDataRecv, LastAckRecv time.Duration
	RcvBuf, SndBuf                          int
	RmemAlloc, WmemAlloc                    int
	Number                                  uint32
	Options                                 uint8 // InfoTimestamps and its kind
	PMTU                                    int
	BytesReceived                           uint64
	SegsIn, SegsOut                         uint32
	DataSegsIn, DataSegsOut                 uint32
	RcvOooPack                              uint32
	// What arrived with which ECN field, of a connection with AccECN (RFC 9768).
	ReceivedCE                                            uint32 // packets
	ReceivedCEBytes, ReceivedECT0Bytes, ReceivedECT1Bytes uint32
	// How long the connection had something to send, and how much of that the
	// peer's window or the send buffer was what it waited for.
	Busy, RwndLimited, SndbufLimited time.Duration
	Age                              time.Duration // since the handshake
	FastOpenFail                     uint8         // why Fast Open failed as a client
}

// Info returns a snapshot of the connection.
func (c *Conn) Info() Info {
	c.Lock()
	defer c.Unlock()
	now := c.Env().Clock.Now()
	i := Info{ConnState: c.state, Congestion: c.user.congestion, SACK: c.ts.sackOK, Timestamps: c.ts.on, WScale: c.ts.wscaleOK,
		SndWScale: c.snd.wscale, RcvWScale: c.rcv.wscale, AdvMSS: int(c.rcv.advMSS), RcvMSS: c.rcv.mss(),
		SndWnd: int(c.snd.wnd), RcvWnd: c.receiveWindow(), RcvSpace: int(c.rcv.tune.space), RcvSsthresh: int(c.rcv.ssthresh),
		RcvRTT: c.rcv.tune.rtt, ATO: c.ack.ato, Probes: int(c.timers.probes), NotSent: c.unsent(),
		LastDataSent: now.Sub(c.snd.lastSent), LastDataRecv: now.Sub(c.ack.lastData), LastAckRecv: now.Sub(c.timers.lastHeard),
		RcvBuf: int(c.RcvBuf.Load()), SndBuf: int(c.SndBuf.Load()),
		RmemAlloc: int(c.RmemAlloc.Load()), WmemAlloc: int(c.WmemAlloc.Load()), Number: c.ID}
	if c.state != Listen && c.tx.CC.MSS != 0 { // what recovery knew stays when the connection has ended
		i.Info = c.tx.Info(now)
		if i.MSS = c.snd.mss; i.MSS == 0 {
			i.MSS = getMaxSeg(c)
		}
		i.Backoff = max(i.Backoff, int(c.timers.probeBackoff))
	}
	if c.route != nil {
		i.PMTU = c.route.MTU
	}
	i.Options = c.infoOptions()
	p := &c.passed
	i.BytesReceived, i.RcvOooPack = p.bytesIn, p.outOfOrder
	i.SegsIn, i.SegsOut, i.DataSegsIn, i.DataSegsOut = p.segsIn, p.segsOut, p.dataIn, p.dataOut
	i.Age = c.chrono.age(now)
	i.Busy, i.RwndLimited, i.SndbufLimited = c.chrono.times(now)
	if a := c.ecn.acc; a != nil {
		i.ReceivedCE, i.ReceivedCEBytes = a.cep-aceInit, a.ceb
		i.ReceivedECT0Bytes, i.ReceivedECT1Bytes = a.e0b-e0bInit, a.e1b-e1bInit
	}
	if c.fo != nil {
		i.FastOpenFail = c.fo.fail
	}
	return i
}

// infoOptions are the bits of tcpi_options.
func (c *Conn) infoOptions() uint8 {
	bits := uint8(0)
	if c.state == SynSent || c.state == Closed && !c.user.connected { // nothing was negotiated
		if c.ecn.offered {
			bits |= InfoECN
		}
		return bits
	}
	for _, o := range []struct {
		on  bool
		bit uint8
	}{{c.ts.on, InfoTimestamps}, {c.ts.sackOK, InfoSACK}, {c.ts.wscaleOK, InfoWScale}, {c.ecn.capable(), InfoECN},
		{c.ecn.seen, InfoECNSeen}, {c.fo != nil && c.fo.synData, InfoSynData}, {c.fo != nil && c.fo.child, InfoFastOpenChild}} {
		if o.on {
			bits |= o.bit
		}
	}
	return bits
}

// foldCounters adds what loss recovery counted since the last time to the
// stack's totals.
func (c *Conn) foldCounters() {
	now, old, any := c.tx.TakeCounters()
	if !any {
		return
	}
	st := c.Env().Stat
	for _, f := range []struct {
		id       stat.ID
		now, old uint32
	}{
		{stat.TcpExtTCPFastRetrans, now.FastRetrans, old.FastRetrans},
		{stat.TcpExtTCPSlowStartRetrans, now.SlowStartRetrans, old.SlowStartRetrans},
		{stat.TcpExtTCPLostRetransmit, now.LostRetransmit, old.LostRetransmit},
		{stat.TcpExtTCPLossProbeRecovery, now.LossProbeRecovery, old.LossProbeRecovery},
		{stat.TcpExtTCPSpuriousRTOs, now.SpuriousRTOs, old.SpuriousRTOs},
		{stat.TcpExtTCPFullUndo, now.FullUndo, old.FullUndo},
		{stat.TcpExtTCPPartialUndo, now.PartialUndo, old.PartialUndo},
		{stat.TcpExtTCPDSACKUndo, now.DSACKUndo, old.DSACKUndo},
		{stat.TcpExtTCPLossUndo, now.LossUndo, old.LossUndo},
		{stat.TcpExtTCPSACKReneging, now.SACKReneging, old.SACKReneging},
		{stat.TcpExtTCPSACKReorder, now.SACKReorder, old.SACKReorder},
		{stat.TcpExtTCPTSReorder, now.TSReorder, old.TSReorder},
		{stat.TcpExtTCPRenoReorder, now.RenoReorder, old.RenoReorder},
		{stat.TcpExtTCPDSACKRecv, now.DSACKRecv, old.DSACKRecv},
		{stat.TcpExtTCPDSACKOfoRecv, now.DSACKOfoRecv, old.DSACKOfoRecv},
		{stat.TcpExtTCPDSACKIgnoredDubious, now.DSACKIgnored, old.DSACKIgnored},
		{stat.TcpExtTCPDSACKIgnoredOld, now.DSACKIgnoredOld, old.DSACKIgnoredOld},
		{stat.TcpExtTCPDSACKIgnoredNoUndo, now.DSACKNoUndo, old.DSACKNoUndo},
		{stat.TcpExtTCPDSACKRecvSegs, now.DSACKSegs, old.DSACKSegs},
		{stat.TcpExtTCPSACKDiscard, now.SACKDiscard, old.SACKDiscard},
		{stat.TcpExtTCPLossFailures, now.LossFailures, old.LossFailures},
		{stat.TcpExtTCPSackRecoveryFail, now.SACKRecoveryFail, old.SACKRecoveryFail},
		{stat.TcpExtTCPRenoRecoveryFail, now.RenoRecoveryFail, old.RenoRecoveryFail},
		{stat.TcpExtTCPSackFailures, now.SACKFailures, old.SACKFailures},
		{stat.TcpExtTCPRenoFailures, now.RenoFailures, old.RenoFailures},
		{stat.TcpExtTCPHystartTrainDetect, now.Hystart.Train, old.Hystart.Train},
		{stat.TcpExtTCPHystartTrainCwnd, now.Hystart.TrainCwnd, old.Hystart.TrainCwnd},
		{stat.TcpExtTCPHystartDelayDetect, now.Hystart.Delay, old.Hystart.Delay},
		{stat.TcpExtTCPHystartDelayCwnd, now.Hystart.DelayCwnd, old.Hystart.DelayCwnd},
	} {
		if f.now != f.old {
			st.Add(f.id, int(f.now-f.old))
		}
	}
}
