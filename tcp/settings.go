package tcp

import (
	"time"

	"github.com/slankdev/ministack/sysctl"
	"github.com/slankdev/ministack/tcp/cc"
)

// settings are the sysctls of TCP, with Linux's names and defaults
// (ip-sysctl.rst).
type settings struct {
	sack, dsack, timestamps, windowScaling *sysctl.Int
	synRetries, synackRetries, synLinear   *sysctl.Int
	retries1, retries2                     *sysctl.Int
	orphanRetries                          *sysctl.Int
	finTimeout                             *sysctl.Int
	keepaliveTime, keepaliveIntvl          *sysctl.Int
	keepaliveProbes                        *sysctl.Int
	synCookies, maxSynBacklog, somaxconn   *sysctl.Int
	abortOnOverflow                        *sysctl.Int
	twReuse, maxTWBuckets, rfc1337         *sysctl.Int
	challengeLimit, invalidRatelimit       *sysctl.Int
	rmem, wmem, mem, portRange             *sysctl.Vector
	maxOrphans                             *sysctl.Int
	moderateRcvbuf, advWinScale            *sysctl.Int
	slowStartAfterIdle                     *sysctl.Int
	reordering, maxReordering              *sysctl.Int
	recovery, earlyRetrans, frto           *sysctl.Int
	baseMSS, minSndMSS                     *sysctl.Int
	mtuProbing, probeFloor                 *sysctl.Int
	probeThreshold, probeInterval          *sysctl.Int
	stdurg                                 *sysctl.Int
	pacingSS, pacingCA                     *sysctl.Int
	minTSOSegs, tsoRTTLog, tsoWinDivisor   *sysctl.Int
	rtoMin, rtoMax, hystart, thinLinear    *sysctl.Int
	fastOpen, notSentLowat, limitOutput    *sysctl.Int
	autocorking                            *sysctl.Int
	ecn, ecnFallback, accOption            *sysctl.Int
	noMetricsSave, noSsthreshMetrics       *sysctl.Int
	pingpong, reflectTOS, collapse         *sysctl.Int
	minRTTWindow, twReuseDelay             *sysctl.Int
	congestion, allowed                    *sysctl.String
}

const maxInt = 1<<31 - 1

func (s *settings) declare(r *sysctl.Registry) {
	s.declareFeatures(r)
	s.declareTimers(r)
	s.declareQueues(r)
	s.declareRecovery(r)
}

func (s *settings) declareFeatures(r *sysctl.Registry) {
	s.sack = r.Bool("net.ipv4.tcp_sack", true)
	s.dsack = r.Bool("net.ipv4.tcp_dsack", true)
	s.timestamps = r.Int("net.ipv4.tcp_timestamps", 1, 0, 2)
	s.windowScaling = r.Bool("net.ipv4.tcp_window_scaling", true)
	s.reflectTOS = r.Bool("net.ipv4.tcp_reflect_tos", false)
	s.stdurg = r.Bool("net.ipv4.tcp_stdurg", false)
	s.rfc1337 = r.Bool("net.ipv4.tcp_rfc1337", false)
	s.abortOnOverflow = r.Bool("net.ipv4.tcp_abort_on_overflow", false)
	s.ecn = r.Int("net.ipv4.tcp_ecn", ecnAccept, ecnOff, accAccept)
	s.accOption = r.Int("net.ipv4.tcp_ecn_option", 2, 0, 2)
	s.ecnFallback = r.Bool("net.ipv4.tcp_ecn_fallback", true)
	s.fastOpen = r.Int("net.ipv4.tcp_fastopen", foClient, 0, maxInt)
	s.baseMSS = r.Int("net.ipv4.tcp_base_mss", 1024, 1, 65535)
	s.mtuProbing = r.Int("net.ipv4.tcp_mtu_probing", mtuProbingOff, mtuProbingOff, mtuProbingAlways)
	s.probeFloor = r.Int("net.ipv4.tcp_mtu_probe_floor", 48, 48, 65535)
	s.probeThreshold = r.Int("net.ipv4.tcp_probe_threshold", 8, 0, maxInt)
	s.probeInterval = r.Int("net.ipv4.tcp_probe_interval", 600, 0, maxInt)
	s.minSndMSS = r.Int("net.ipv4.tcp_min_snd_mss", 48, 40, 65535)
	s.challengeLimit = r.Int("net.ipv4.tcp_challenge_ack_limit", maxInt, 0, maxInt)
	s.invalidRatelimit = r.Int("net.ipv4.tcp_invalid_ratelimit", 500, 0, maxInt)
}

func (s *settings) declareTimers(r *sysctl.Registry) {
	s.synRetries = r.Int("net.ipv4.tcp_syn_retries", 6, 1, 127)
	s.synackRetries = r.Int("net.ipv4.tcp_synack_retries", 5, 0, 255)
	s.synLinear = r.Int("net.ipv4.tcp_syn_linear_timeouts", 4, 0, 127)
	s.retries1 = r.Int("net.ipv4.tcp_retries1", 3, 0, 255)
	s.retries2 = r.Int("net.ipv4.tcp_retries2", 15, 0, 255)
	s.orphanRetries = r.Int("net.ipv4.tcp_orphan_retries", 0, 0, 255)
	s.finTimeout = r.Int("net.ipv4.tcp_fin_timeout", 60, 0, 120)
	s.keepaliveTime = r.Int("net.ipv4.tcp_keepalive_time", 7200, 1, 32767)
	s.keepaliveIntvl = r.Int("net.ipv4.tcp_keepalive_intvl", 75, 1, 32767)
	s.keepaliveProbes = r.Int("net.ipv4.tcp_keepalive_probes", 9, 1, 127)
	s.pingpong = r.Int("net.ipv4.tcp_pingpong_thresh", 1, 1, maxPingpong)
	s.rtoMax = r.Int("net.ipv4.tcp_rto_max_ms", 120000, 1000, 120000)
	s.thinLinear = r.Bool("net.ipv4.tcp_thin_linear_timeouts", false)
	s.rtoMin = r.Int("net.ipv4.tcp_rto_min_us", 200000, 1, maxInt)
}

func (s *settings) declareQueues(r *sysctl.Registry) {
	s.synCookies = r.Int("net.ipv4.tcp_syncookies", 1, 0, 2)
	s.maxSynBacklog = r.Int("net.ipv4.tcp_max_syn_backlog", 4096, 0, maxInt)
	s.somaxconn = r.Int("net.core.somaxconn", 4096, 0, maxInt)
	s.twReuse = r.Int("net.ipv4.tcp_tw_reuse", 2, 0, 2)
	s.twReuseDelay = r.Int("net.ipv4.tcp_tw_reuse_delay", 1000, 0, 60000)
	s.maxTWBuckets = r.Int("net.ipv4.tcp_max_tw_buckets", 262144, 0, maxInt)
	s.portRange = r.Vector("net.ipv4.ip_local_port_range", 32768, 60999)
	s.rmem = r.Vector("net.ipv4.tcp_rmem", 4096, 131072, 6291456)
	s.wmem = r.Vector("net.ipv4.tcp_wmem", 4096, 16384, 4194304)
	s.mem = r.Vector("net.ipv4.tcp_mem", 49152, 65536, 98304) // Linux's on a machine of 4 GB
	s.maxOrphans = r.Int("net.ipv4.tcp_max_orphans", 262144, 0, maxInt)
	s.moderateRcvbuf = r.Bool("net.ipv4.tcp_moderate_rcvbuf", true)
	s.limitOutput = r.Int("net.ipv4.tcp_limit_output_bytes", 4<<20, 0, maxInt)
	s.autocorking = r.Bool("net.ipv4.tcp_autocorking", true)
	s.notSentLowat = r.Int("net.ipv4.tcp_notsent_lowat", 1<<32-1, 0, 1<<32-1)
	s.advWinScale = r.Int("net.ipv4.tcp_adv_win_scale", 1, -31, 31)
}

func (s *settings) declareRecovery(r *sysctl.Registry) {
	s.hystart = r.Int("net.ipv4.tcp_hystart", cc.HystartLinux, cc.HystartOff, cc.HystartPlus)
	s.slowStartAfterIdle = r.Bool("net.ipv4.tcp_slow_start_after_idle", true)
	s.reordering = r.Int("net.ipv4.tcp_reordering", 3, 1, 255)
	s.maxReordering = r.Int("net.ipv4.tcp_max_reordering", 300, 1, maxInt)
	s.recovery = r.Int("net.ipv4.tcp_recovery", 1, 0, 7)
	s.earlyRetrans = r.Int("net.ipv4.tcp_early_retrans", 3, 0, 4)
	s.frto = r.Int("net.ipv4.tcp_frto", 2, 0, 2)
	s.collapse = r.Bool("net.ipv4.tcp_retrans_collapse", true)
	s.minRTTWindow = r.Int("net.ipv4.tcp_min_rtt_wlen", 300, 0, 86400)
	s.minTSOSegs = r.Int("net.ipv4.tcp_min_tso_segs", 2, 1, 255)
	s.tsoWinDivisor = r.Int("net.ipv4.tcp_tso_win_divisor", 3, 1, 255)
	s.tsoRTTLog = r.Int("net.ipv4.tcp_tso_rtt_log", 9, 0, 31)
	s.noMetricsSave = r.Bool("net.ipv4.tcp_no_metrics_save", false)
	s.noSsthreshMetrics = r.Bool("net.ipv4.tcp_no_ssthresh_metrics_save", true)
	s.pacingSS = r.Int("net.ipv4.tcp_pacing_ss_ratio", 200, 0, 1000)
	s.pacingCA = r.Int("net.ipv4.tcp_pacing_ca_ratio", 120, 0, 1000)
}

func seconds(v *sysctl.Int) time.Duration { return time.Duration(v.Get()) * time.Second }
