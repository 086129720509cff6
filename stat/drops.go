package stat

import "github.com/slankdev/ministack/skb"

// mibs says which of Linux's counters a drop counts under, beside the counter
// of its own that each reason has. A drop is counted here and nowhere else:
// the code that drops does not count.
var mibs = [skb.NumReasons][]ID{
	skb.PktTooSmall:       {IpInHdrErrors},
	skb.OtherHost:         nil,
	skb.NeighFailed:       {ArpFailed},
	skb.ARPInvalid:        {ArpInErrors},
	skb.IPInHdr:           {IpInHdrErrors},
	skb.IPCsum:            {IpInHdrErrors, IpExtInCsumErrors},
	skb.IPInvalidSource:   {IpInAddrErrors},
	skb.IPInvalidDest:     {IpInAddrErrors},
	skb.IPInNoRoutes:      {IpExtInNoRoutes},
	skb.IPOutNoRoutes:     {IpOutNoRoutes},
	skb.IPForwardOff:      {IpInAddrErrors},
	skb.IPNoProto:         {IpInUnknownProtos},
	skb.IPOptions:         {IpInHdrErrors},
	skb.IPTTLExceeded:     {IpInHdrErrors},
	skb.PktTooBig:         {IpFragFails},
	skb.FragOverlap:       {IpExtReasmOverlaps},
	skb.ICMPCsum:          {IcmpInErrors, IcmpInCsumErrors},
	skb.ICMPHdr:           {IcmpInErrors},
	skb.IGMPCsum:          {IgmpInErrors, IgmpInCsumErrors},
	skb.IGMPHdr:           {IgmpInErrors},
	skb.UDPCsum:           {UdpInErrors, UdpInCsumErrors},
	skb.UDPHdr:            {UdpInErrors},
	skb.TCPCsum:           {TcpInErrs, TcpInCsumErrors},
	skb.TCPHdr:            {TcpInErrs},
	skb.SocketBacklog:     {TcpExtTCPBacklogDrop},
	skb.TCPOverWindow:     {TcpExtBeyondWindow},
	skb.TCPZeroWindow:     {TcpExtTCPZeroWindowDrop},
	skb.ProtoMem:          {TcpExtTCPRcvQDrop},
	skb.TCPOfoMerge:       {TcpExtTCPOFOMerge},
	skb.TCPOfoDrop:        {TcpExtTCPOFODrop},
	skb.TCPOfoPrune:       {TcpExtOfoPruned},
	skb.TCPInvalidSyn:     {TcpExtTCPSYNChallenge},
	skb.TCPRFC7323PAWS:    {TcpExtPAWSEstab},
	skb.TCPRFC7323PAWSAck: {TcpExtPAWSOldAck},
	skb.TCPRFC7323TSEcr:   {TcpExtTSEcrRejected},
	skb.TCPAbortOnData:    {TcpExtTCPAbortOnData},
	skb.TCPListenOverflow: {TcpExtListenOverflows, TcpExtListenDrops},
	skb.TCPReqQFull:       {TcpExtTCPReqQFullDrop, TcpExtListenDrops},
	skb.TCPMD5NotFound:    {TcpExtTCPMD5NotFound},
	skb.TCPMD5Unexpected:  {TcpExtTCPMD5Unexpected},
	skb.TCPMD5Failure:     {TcpExtTCPMD5Failure},
	skb.TCPAONotFound:     {TcpExtTCPAORequired},
	skb.TCPAOUnexpected:   {TcpExtTCPAOKeyNotFound},
	skb.TCPAOKeyNotFound:  {TcpExtTCPAOKeyNotFound},
	skb.TCPAOFailure:      {TcpExtTCPAOBad},
	skb.NumReasons - 1:    nil,
}

// MIBs returns the Linux counters of a drop reason, none where Linux has none.
func MIBs(r skb.Reason) []ID { return mibs[r] }
