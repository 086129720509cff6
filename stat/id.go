// Package stat holds a stack's counters under the names that nstat and
// /proc/net/snmp use on Linux (MIB groups Ip, IpExt, Icmp, Udp, Tcp, TcpExt),
// with groups of our own for what Linux counts elsewhere.
package stat

// ID names a counter.
type ID uint16

// The counters: group, then the name as nstat prints it.
const (
	// Group Ip.
	IpInReceives ID = iota
	IpInHdrErrors
	IpInAddrErrors
	IpForwDatagrams
	IpInUnknownProtos
	IpInDiscards
	IpInDelivers
	IpOutRequests
	IpOutDiscards
	IpOutNoRoutes
	IpReasmTimeout
	IpReasmReqds
	IpReasmOKs
	IpReasmFails
	IpFragOKs
	IpFragFails
	IpFragCreates
	IpOutTransmits

	// Group IpExt.
	IpExtInNoRoutes
	IpExtInTruncatedPkts
	IpExtInMcastPkts
	IpExtOutMcastPkts
	IpExtInBcastPkts
	IpExtOutBcastPkts
	IpExtInOctets
	IpExtOutOctets
	IpExtInCsumErrors
	IpExtInNoECTPkts
	IpExtInECT1Pkts
	IpExtInECT0Pkts
	IpExtInCEPkts
	IpExtReasmOverlaps

	// Group Icmp.
	IcmpInMsgs
	IcmpInErrors
	IcmpInCsumErrors
	IcmpInDestUnreachs
	IcmpInTimeExcds
	IcmpInParmProbs
	IcmpInRedirects
	IcmpInEchos
	IcmpInEchoReps
	IcmpInTimestamps
	IcmpInTimestampReps
	IcmpOutMsgs
	IcmpOutErrors
	IcmpOutRateLimitGlobal
	IcmpOutRateLimitHost
	IcmpOutDestUnreachs
	IcmpOutTimeExcds
	IcmpOutParmProbs
	IcmpOutEchos
	IcmpOutEchoReps
	IcmpOutTimestamps
	IcmpOutTimestampReps

	// Group Igmp.
	IgmpInMsgs
	IgmpInErrors
	IgmpInCsumErrors
	IgmpInQueries
	IgmpInReports
	IgmpOutMsgs
	IgmpOutReports
	IgmpOutLeaves

	// Group Udp.
	UdpInDatagrams
	UdpNoPorts
	UdpInErrors
	UdpOutDatagrams
	UdpRcvbufErrors
	UdpSndbufErrors
	UdpInCsumErrors
	UdpIgnoredMulti
	UdpMemErrors

	// Group Tcp.
	TcpActiveOpens
	TcpPassiveOpens
	TcpAttemptFails
	TcpEstabResets
	TcpCurrEstab
	TcpInSegs
	TcpOutSegs
	TcpRetransSegs
	TcpInErrs
	TcpOutRsts
	TcpInCsumErrors

	// Group TcpExt.
	TcpExtSyncookiesSent
	TcpExtSyncookiesRecv
	TcpExtSyncookiesFailed
	TcpExtEmbryonicRsts
	TcpExtPruneCalled
	TcpExtRcvPruned
	TcpExtOfoPruned
	TcpExtOutOfWindowIcmps
	TcpExtLockDroppedIcmps
	TcpExtTW
	TcpExtTWRecycled
	TcpExtTWKilled
	TcpExtPAWSActive
	TcpExtPAWSEstab
	TcpExtBeyondWindow
	TcpExtTSEcrRejected
	TcpExtPAWSOldAck
	TcpExtDelayedACKs
	TcpExtDelayedACKLost
	TcpExtBusyPollRxPackets
	TcpExtListenOverflows
	TcpExtListenDrops
	TcpExtTCPPureAcks
	TcpExtTCPRenoRecovery
	TcpExtTCPSackRecovery
	TcpExtTCPSACKReneging
	TcpExtTCPSACKReorder
	TcpExtTCPRenoReorder
	TcpExtTCPTSReorder
	TcpExtTCPFullUndo
	TcpExtTCPPartialUndo
	TcpExtTCPDSACKUndo
	TcpExtTCPLossUndo
	TcpExtTCPLostRetransmit
	TcpExtTCPRenoFailures
	TcpExtTCPSackFailures
	TcpExtTCPLossFailures
	TcpExtTCPFastRetrans
	TcpExtTCPSlowStartRetrans
	TcpExtTCPTimeouts
	TcpExtTCPLossProbes
	TcpExtTCPLossProbeRecovery
	TcpExtTCPRenoRecoveryFail
	TcpExtTCPSackRecoveryFail
	TcpExtTCPDSACKOldSent
	TcpExtTCPDSACKOfoSent
	TcpExtTCPDSACKRecv
	TcpExtTCPDSACKOfoRecv
	TcpExtTCPAbortOnData
	TcpExtTCPAbortOnClose
	TcpExtTCPAbortOnMemory
	TcpExtTCPAbortOnTimeout
	TcpExtTCPAbortOnLinger
	TcpExtTCPMemoryPressures
	TcpExtTCPMemoryPressuresChrono
	TcpExtTCPSACKDiscard
	TcpExtTCPDSACKIgnoredOld
	TcpExtTCPDSACKIgnoredNoUndo
	TcpExtTCPSpuriousRTOs
	TcpExtTCPMD5NotFound
	TcpExtTCPMD5Unexpected
	TcpExtTCPMD5Failure
	TcpExtTCPBacklogDrop
	TcpExtTCPDeferAcceptDrop
	TcpExtTCPTimeWaitOverflow
	TcpExtTCPReqQFullDoCookies
	TcpExtTCPReqQFullDrop
	TcpExtTCPRetransFail
	TcpExtTCPRcvCoalesce
	TcpExtTCPOFOQueue
	TcpExtTCPOFODrop
	TcpExtTCPOFOMerge
	TcpExtTCPChallengeACK
	TcpExtTCPSYNChallenge
	TcpExtTCPFastOpenActive
	TcpExtTCPFastOpenActiveFail
	TcpExtTCPFastOpenPassive
	TcpExtTCPFastOpenPassiveFail
	TcpExtTCPFastOpenListenOverflow
	TcpExtTCPFastOpenCookieReqd
	TcpExtTCPFromZeroWindowAdv
	TcpExtTCPToZeroWindowAdv
	TcpExtTCPWantZeroWindowAdv
	TcpExtTCPSynRetrans
	TcpExtTCPOrigDataSent
	TcpExtTCPAutoCorking
	TcpExtTCPHystartTrainDetect
	TcpExtTCPHystartTrainCwnd
	TcpExtTCPHystartDelayDetect
	TcpExtTCPHystartDelayCwnd
	TcpExtTCPACKSkippedSynRecv
	TcpExtTCPACKSkippedPAWS
	TcpExtTCPACKSkippedSeq
	TcpExtTCPACKSkippedFinWait2
	TcpExtTCPACKSkippedTimeWait
	TcpExtTCPACKSkippedChallenge
	TcpExtTCPWinProbe
	TcpExtTCPKeepAlive
	TcpExtTCPMTUPFail
	TcpExtTCPMTUPSuccess
	TcpExtTCPDelivered
	TcpExtTCPDeliveredCE
	TcpExtTCPZeroWindowDrop
	TcpExtTCPRcvQDrop
	TcpExtTCPDSACKRecvSegs
	TcpExtTCPDSACKIgnoredDubious
	TcpExtTCPAORequired
	TcpExtTCPAOBad
	TcpExtTCPAOKeyNotFound
	TcpExtTCPAOGood
	TcpExtTCPAODroppedIcmps

	// Group Arp.
	ArpInRequests
	ArpInReplies
	ArpOutRequests
	ArpOutReplies
	ArpInErrors
	ArpLookups
	ArpHits
	ArpFailed
	ArpGCRuns
	ArpConflicts

	// Group Dev.
	DevRxPackets
	DevRxBytes
	DevRxDropped
	DevTxPackets
	DevTxBytes
	DevTxDropped
	DevTxErrors

	// firstDrop begins the counters of drop reasons, one each, in their order.
	firstDrop
)

type label struct{ group, name string }

var labels = [firstDrop]label{
	IpInReceives:                    {"Ip", "InReceives"},
	IpInHdrErrors:                   {"Ip", "InHdrErrors"},
	IpInAddrErrors:                  {"Ip", "InAddrErrors"},
	IpForwDatagrams:                 {"Ip", "ForwDatagrams"},
	IpInUnknownProtos:               {"Ip", "InUnknownProtos"},
	IpInDiscards:                    {"Ip", "InDiscards"},
	IpInDelivers:                    {"Ip", "InDelivers"},
	IpOutRequests:                   {"Ip", "OutRequests"},
	IpOutDiscards:                   {"Ip", "OutDiscards"},
	IpOutNoRoutes:                   {"Ip", "OutNoRoutes"},
	IpReasmTimeout:                  {"Ip", "ReasmTimeout"},
	IpReasmReqds:                    {"Ip", "ReasmReqds"},
	IpReasmOKs:                      {"Ip", "ReasmOKs"},
	IpReasmFails:                    {"Ip", "ReasmFails"},
	IpFragOKs:                       {"Ip", "FragOKs"},
	IpFragFails:                     {"Ip", "FragFails"},
	IpFragCreates:                   {"Ip", "FragCreates"},
	IpOutTransmits:                  {"Ip", "OutTransmits"},
	IpExtInNoRoutes:                 {"IpExt", "InNoRoutes"},
	IpExtInTruncatedPkts:            {"IpExt", "InTruncatedPkts"},
	IpExtInMcastPkts:                {"IpExt", "InMcastPkts"},
	IpExtOutMcastPkts:               {"IpExt", "OutMcastPkts"},
	IpExtInBcastPkts:                {"IpExt", "InBcastPkts"},
	IpExtOutBcastPkts:               {"IpExt", "OutBcastPkts"},
	IpExtInOctets:                   {"IpExt", "InOctets"},
	IpExtOutOctets:                  {"IpExt", "OutOctets"},
	IpExtInCsumErrors:               {"IpExt", "InCsumErrors"},
	IpExtInNoECTPkts:                {"IpExt", "InNoECTPkts"},
	IpExtInECT1Pkts:                 {"IpExt", "InECT1Pkts"},
	IpExtInECT0Pkts:                 {"IpExt", "InECT0Pkts"},
	IpExtInCEPkts:                   {"IpExt", "InCEPkts"},
	IpExtReasmOverlaps:              {"IpExt", "ReasmOverlaps"},
	IcmpInMsgs:                      {"Icmp", "InMsgs"},
	IcmpInErrors:                    {"Icmp", "InErrors"},
	IcmpInCsumErrors:                {"Icmp", "InCsumErrors"},
	IcmpInDestUnreachs:              {"Icmp", "InDestUnreachs"},
	IcmpInTimeExcds:                 {"Icmp", "InTimeExcds"},
	IcmpInParmProbs:                 {"Icmp", "InParmProbs"},
	IcmpInRedirects:                 {"Icmp", "InRedirects"},
	IcmpInEchos:                     {"Icmp", "InEchos"},
	IcmpInEchoReps:                  {"Icmp", "InEchoReps"},
	IcmpInTimestamps:                {"Icmp", "InTimestamps"},
	IcmpInTimestampReps:             {"Icmp", "InTimestampReps"},
	IcmpOutMsgs:                     {"Icmp", "OutMsgs"},
	IcmpOutErrors:                   {"Icmp", "OutErrors"},
	IcmpOutRateLimitGlobal:          {"Icmp", "OutRateLimitGlobal"},
	IcmpOutRateLimitHost:            {"Icmp", "OutRateLimitHost"},
	IcmpOutDestUnreachs:             {"Icmp", "OutDestUnreachs"},
	IcmpOutTimeExcds:                {"Icmp", "OutTimeExcds"},
	IcmpOutParmProbs:                {"Icmp", "OutParmProbs"},
	IcmpOutEchos:                    {"Icmp", "OutEchos"},
	IcmpOutEchoReps:                 {"Icmp", "OutEchoReps"},
	IcmpOutTimestamps:               {"Icmp", "OutTimestamps"},
	IcmpOutTimestampReps:            {"Icmp", "OutTimestampReps"},
	IgmpInMsgs:                      {"Igmp", "InMsgs"},
	IgmpInErrors:                    {"Igmp", "InErrors"},
	IgmpInCsumErrors:                {"Igmp", "InCsumErrors"},
	IgmpInQueries:                   {"Igmp", "InQueries"},
	IgmpInReports:                   {"Igmp", "InReports"},
	IgmpOutMsgs:                     {"Igmp", "OutMsgs"},
	IgmpOutReports:                  {"Igmp", "OutReports"},
	IgmpOutLeaves:                   {"Igmp", "OutLeaves"},
	UdpInDatagrams:                  {"Udp", "InDatagrams"},
	UdpNoPorts:                      {"Udp", "NoPorts"},
	UdpInErrors:                     {"Udp", "InErrors"},
	UdpOutDatagrams:                 {"Udp", "OutDatagrams"},
	UdpRcvbufErrors:                 {"Udp", "RcvbufErrors"},
	UdpSndbufErrors:                 {"Udp", "SndbufErrors"},
	UdpInCsumErrors:                 {"Udp", "InCsumErrors"},
	UdpIgnoredMulti:                 {"Udp", "IgnoredMulti"},
	UdpMemErrors:                    {"Udp", "MemErrors"},
	TcpActiveOpens:                  {"Tcp", "ActiveOpens"},
	TcpPassiveOpens:                 {"Tcp", "PassiveOpens"},
	TcpAttemptFails:                 {"Tcp", "AttemptFails"},
	TcpEstabResets:                  {"Tcp", "EstabResets"},
	TcpCurrEstab:                    {"Tcp", "CurrEstab"},
	TcpInSegs:                       {"Tcp", "InSegs"},
	TcpOutSegs:                      {"Tcp", "OutSegs"},
	TcpRetransSegs:                  {"Tcp", "RetransSegs"},
	TcpInErrs:                       {"Tcp", "InErrs"},
	TcpOutRsts:                      {"Tcp", "OutRsts"},
	TcpInCsumErrors:                 {"Tcp", "InCsumErrors"},
	TcpExtSyncookiesSent:            {"TcpExt", "SyncookiesSent"},
	TcpExtSyncookiesRecv:            {"TcpExt", "SyncookiesRecv"},
	TcpExtSyncookiesFailed:          {"TcpExt", "SyncookiesFailed"},
	TcpExtEmbryonicRsts:             {"TcpExt", "EmbryonicRsts"},
	TcpExtPruneCalled:               {"TcpExt", "PruneCalled"},
	TcpExtRcvPruned:                 {"TcpExt", "RcvPruned"},
	TcpExtOfoPruned:                 {"TcpExt", "OfoPruned"},
	TcpExtOutOfWindowIcmps:          {"TcpExt", "OutOfWindowIcmps"},
	TcpExtLockDroppedIcmps:          {"TcpExt", "LockDroppedIcmps"},
	TcpExtTW:                        {"TcpExt", "TW"},
	TcpExtTWRecycled:                {"TcpExt", "TWRecycled"},
	TcpExtTWKilled:                  {"TcpExt", "TWKilled"},
	TcpExtPAWSActive:                {"TcpExt", "PAWSActive"},
	TcpExtPAWSEstab:                 {"TcpExt", "PAWSEstab"},
	TcpExtBeyondWindow:              {"TcpExt", "BeyondWindow"},
	TcpExtTSEcrRejected:             {"TcpExt", "TSEcrRejected"},
	TcpExtPAWSOldAck:                {"TcpExt", "PAWSOldAck"},
	TcpExtDelayedACKs:               {"TcpExt", "DelayedACKs"},
	TcpExtDelayedACKLost:            {"TcpExt", "DelayedACKLost"},
	TcpExtBusyPollRxPackets:         {"TcpExt", "BusyPollRxPackets"},
	TcpExtListenOverflows:           {"TcpExt", "ListenOverflows"},
	TcpExtListenDrops:               {"TcpExt", "ListenDrops"},
	TcpExtTCPPureAcks:               {"TcpExt", "TCPPureAcks"},
	TcpExtTCPRenoRecovery:           {"TcpExt", "TCPRenoRecovery"},
	TcpExtTCPSackRecovery:           {"TcpExt", "TCPSackRecovery"},
	TcpExtTCPSACKReneging:           {"TcpExt", "TCPSACKReneging"},
	TcpExtTCPSACKReorder:            {"TcpExt", "TCPSACKReorder"},
	TcpExtTCPRenoReorder:            {"TcpExt", "TCPRenoReorder"},
	TcpExtTCPTSReorder:              {"TcpExt", "TCPTSReorder"},
	TcpExtTCPFullUndo:               {"TcpExt", "TCPFullUndo"},
	TcpExtTCPPartialUndo:            {"TcpExt", "TCPPartialUndo"},
	TcpExtTCPDSACKUndo:              {"TcpExt", "TCPDSACKUndo"},
	TcpExtTCPLossUndo:               {"TcpExt", "TCPLossUndo"},
	TcpExtTCPLostRetransmit:         {"TcpExt", "TCPLostRetransmit"},
	TcpExtTCPRenoFailures:           {"TcpExt", "TCPRenoFailures"},
	TcpExtTCPSackFailures:           {"TcpExt", "TCPSackFailures"},
	TcpExtTCPLossFailures:           {"TcpExt", "TCPLossFailures"},
	TcpExtTCPFastRetrans:            {"TcpExt", "TCPFastRetrans"},
	TcpExtTCPSlowStartRetrans:       {"TcpExt", "TCPSlowStartRetrans"},
	TcpExtTCPTimeouts:               {"TcpExt", "TCPTimeouts"},
	TcpExtTCPLossProbes:             {"TcpExt", "TCPLossProbes"},
	TcpExtTCPLossProbeRecovery:      {"TcpExt", "TCPLossProbeRecovery"},
	TcpExtTCPRenoRecoveryFail:       {"TcpExt", "TCPRenoRecoveryFail"},
	TcpExtTCPSackRecoveryFail:       {"TcpExt", "TCPSackRecoveryFail"},
	TcpExtTCPDSACKOldSent:           {"TcpExt", "TCPDSACKOldSent"},
	TcpExtTCPDSACKOfoSent:           {"TcpExt", "TCPDSACKOfoSent"},
	TcpExtTCPDSACKRecv:              {"TcpExt", "TCPDSACKRecv"},
	TcpExtTCPDSACKOfoRecv:           {"TcpExt", "TCPDSACKOfoRecv"},
	TcpExtTCPAbortOnData:            {"TcpExt", "TCPAbortOnData"},
	TcpExtTCPAbortOnClose:           {"TcpExt", "TCPAbortOnClose"},
	TcpExtTCPAbortOnMemory:          {"TcpExt", "TCPAbortOnMemory"},
	TcpExtTCPAbortOnTimeout:         {"TcpExt", "TCPAbortOnTimeout"},
	TcpExtTCPAbortOnLinger:          {"TcpExt", "TCPAbortOnLinger"},
	TcpExtTCPMemoryPressures:        {"TcpExt", "TCPMemoryPressures"},
	TcpExtTCPMemoryPressuresChrono:  {"TcpExt", "TCPMemoryPressuresChrono"},
	TcpExtTCPSACKDiscard:            {"TcpExt", "TCPSACKDiscard"},
	TcpExtTCPDSACKIgnoredOld:        {"TcpExt", "TCPDSACKIgnoredOld"},
	TcpExtTCPDSACKIgnoredNoUndo:     {"TcpExt", "TCPDSACKIgnoredNoUndo"},
	TcpExtTCPSpuriousRTOs:           {"TcpExt", "TCPSpuriousRTOs"},
	TcpExtTCPMD5NotFound:            {"TcpExt", "TCPMD5NotFound"},
	TcpExtTCPMD5Unexpected:          {"TcpExt", "TCPMD5Unexpected"},
	TcpExtTCPMD5Failure:             {"TcpExt", "TCPMD5Failure"},
	TcpExtTCPBacklogDrop:            {"TcpExt", "TCPBacklogDrop"},
	TcpExtTCPDeferAcceptDrop:        {"TcpExt", "TCPDeferAcceptDrop"},
	TcpExtTCPTimeWaitOverflow:       {"TcpExt", "TCPTimeWaitOverflow"},
	TcpExtTCPReqQFullDoCookies:      {"TcpExt", "TCPReqQFullDoCookies"},
	TcpExtTCPReqQFullDrop:           {"TcpExt", "TCPReqQFullDrop"},
	TcpExtTCPRetransFail:            {"TcpExt", "TCPRetransFail"},
	TcpExtTCPRcvCoalesce:            {"TcpExt", "TCPRcvCoalesce"},
	TcpExtTCPOFOQueue:               {"TcpExt", "TCPOFOQueue"},
	TcpExtTCPOFODrop:                {"TcpExt", "TCPOFODrop"},
	TcpExtTCPOFOMerge:               {"TcpExt", "TCPOFOMerge"},
	TcpExtTCPChallengeACK:           {"TcpExt", "TCPChallengeACK"},
	TcpExtTCPSYNChallenge:           {"TcpExt", "TCPSYNChallenge"},
	TcpExtTCPFastOpenActive:         {"TcpExt", "TCPFastOpenActive"},
	TcpExtTCPFastOpenActiveFail:     {"TcpExt", "TCPFastOpenActiveFail"},
	TcpExtTCPFastOpenPassive:        {"TcpExt", "TCPFastOpenPassive"},
	TcpExtTCPFastOpenPassiveFail:    {"TcpExt", "TCPFastOpenPassiveFail"},
	TcpExtTCPFastOpenListenOverflow: {"TcpExt", "TCPFastOpenListenOverflow"},
	TcpExtTCPFastOpenCookieReqd:     {"TcpExt", "TCPFastOpenCookieReqd"},
	TcpExtTCPFromZeroWindowAdv:      {"TcpExt", "TCPFromZeroWindowAdv"},
	TcpExtTCPToZeroWindowAdv:        {"TcpExt", "TCPToZeroWindowAdv"},
	TcpExtTCPWantZeroWindowAdv:      {"TcpExt", "TCPWantZeroWindowAdv"},
	TcpExtTCPSynRetrans:             {"TcpExt", "TCPSynRetrans"},
	TcpExtTCPOrigDataSent:           {"TcpExt", "TCPOrigDataSent"},
	TcpExtTCPAutoCorking:            {"TcpExt", "TCPAutoCorking"},
	TcpExtTCPHystartTrainDetect:     {"TcpExt", "TCPHystartTrainDetect"},
	TcpExtTCPHystartTrainCwnd:       {"TcpExt", "TCPHystartTrainCwnd"},
	TcpExtTCPHystartDelayDetect:     {"TcpExt", "TCPHystartDelayDetect"},
	TcpExtTCPHystartDelayCwnd:       {"TcpExt", "TCPHystartDelayCwnd"},
	TcpExtTCPACKSkippedSynRecv:      {"TcpExt", "TCPACKSkippedSynRecv"},
	TcpExtTCPACKSkippedPAWS:         {"TcpExt", "TCPACKSkippedPAWS"},
	TcpExtTCPACKSkippedSeq:          {"TcpExt", "TCPACKSkippedSeq"},
	TcpExtTCPACKSkippedFinWait2:     {"TcpExt", "TCPACKSkippedFinWait2"},
	TcpExtTCPACKSkippedTimeWait:     {"TcpExt", "TCPACKSkippedTimeWait"},
	TcpExtTCPACKSkippedChallenge:    {"TcpExt", "TCPACKSkippedChallenge"},
	TcpExtTCPWinProbe:               {"TcpExt", "TCPWinProbe"},
	TcpExtTCPKeepAlive:              {"TcpExt", "TCPKeepAlive"},
	TcpExtTCPMTUPFail:               {"TcpExt", "TCPMTUPFail"},
	TcpExtTCPMTUPSuccess:            {"TcpExt", "TCPMTUPSuccess"},
	TcpExtTCPDelivered:              {"TcpExt", "TCPDelivered"},
	TcpExtTCPDeliveredCE:            {"TcpExt", "TCPDeliveredCE"},
	TcpExtTCPZeroWindowDrop:         {"TcpExt", "TCPZeroWindowDrop"},
	TcpExtTCPRcvQDrop:               {"TcpExt", "TCPRcvQDrop"},
	TcpExtTCPDSACKRecvSegs:          {"TcpExt", "TCPDSACKRecvSegs"},
	TcpExtTCPDSACKIgnoredDubious:    {"TcpExt", "TCPDSACKIgnoredDubious"},
	TcpExtTCPAORequired:             {"TcpExt", "TCPAORequired"},
	TcpExtTCPAOBad:                  {"TcpExt", "TCPAOBad"},
	TcpExtTCPAOKeyNotFound:          {"TcpExt", "TCPAOKeyNotFound"},
	TcpExtTCPAOGood:                 {"TcpExt", "TCPAOGood"},
	TcpExtTCPAODroppedIcmps:         {"TcpExt", "TCPAODroppedIcmps"},
	ArpInRequests:                   {"Arp", "InRequests"},
	ArpInReplies:                    {"Arp", "InReplies"},
	ArpOutRequests:                  {"Arp", "OutRequests"},
	ArpOutReplies:                   {"Arp", "OutReplies"},
	ArpInErrors:                     {"Arp", "InErrors"},
	ArpLookups:                      {"Arp", "Lookups"},
	ArpHits:                         {"Arp", "Hits"},
	ArpFailed:                       {"Arp", "Failed"},
	ArpGCRuns:                       {"Arp", "GCRuns"},
	ArpConflicts:                    {"Arp", "Conflicts"},
	DevRxPackets:                    {"Dev", "RxPackets"},
	DevRxBytes:                      {"Dev", "RxBytes"},
	DevRxDropped:                    {"Dev", "RxDropped"},
	DevTxPackets:                    {"Dev", "TxPackets"},
	DevTxBytes:                      {"Dev", "TxBytes"},
	DevTxDropped:                    {"Dev", "TxDropped"},
	DevTxErrors:                     {"Dev", "TxErrors"},
}
