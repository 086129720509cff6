package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const clockTime = `\d\d:\d\d:\d\d\.\d{6}`

func TestRawSendIsAnswered(t *testing.T) {
	running(t)
	out := ok(t, "", "rawsend", "--size", "4", "eth0", "10.9.0.2")
	requireOrder(t, out,
		`^sent 32 bytes by eth0: IP 0\.0\.0\.0 > 10\.9\.0\.2: ICMP echo request, id \d+, seq 1, length 12$`,
		`^answer: IP 10\.9\.0\.2 > 10\.9\.0\.1: ICMP echo reply, id \d+, seq 1, length 12$`)
}

// The header of 2016 has nothing behind it: the peer drops it as ICMP_CSUM.
func TestABareHeaderIsDroppedByThePeer(t *testing.T) {
	runningBoth(t)
	ok(t, "", "rawsend", "--name", "alpha", "--bare", "eth0", "10.9.0.2")
	require.Eventually(t, func() bool { return strings.Contains(ok(t, "", "why", "--name", "beta"), "ICMP_CSUM") },
		10*time.Second, time.Millisecond)
}

func TestRawSendKeepsTheSourceItIsGiven(t *testing.T) {
	runningBoth(t)
	out, code := begin(t, "rawrecv", "-b", "-c", "1", "--name", "beta", "eth0", "icmp")
	out.waitFor(t, "receiving")
	ok(t, "", "rawsend", "--name", "alpha", "-s", "10.9.0.77", "-W", "0", "eth0", "10.9.0.2")
	require.Zero(t, <-code)
	require.Contains(t, out.String(), "IP 10.9.0.77 > 10.9.0.2: ICMP echo request")
}

func TestRawSendSaysThatNobodyAnswers(t *testing.T) {
	running(t)
	r := command(t, "", "rawsend", "-W", "0.05", "eth0", "10.9.0.3")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.out, "no answer within 50ms")
}

// B7: a ping is shown and answered; what is longer than the MTU is shown whole.
func TestRawRecvShowsAPingThatIsAnswered(t *testing.T) {
	runningBoth(t)
	out, code := begin(t, "rawrecv", "-c", "1", "--name", "beta", "eth0", "icmp")
	out.waitFor(t, "receiving")
	ping := ok(t, "", "ping", "--name", "alpha", "-c", "1", "-s", "4000", "10.9.0.2")
	require.Contains(t, ping, "1 received")
	require.Zero(t, <-code)
	requireOrder(t, out.String(), `^`+clockTime+` IP 10\.9\.0\.1 > 10\.9\.0\.2: ICMP echo request, id \d+, seq 1, length 4008$`,
		`^00000000  45 00 0f bc .*\|E`, `^00000010 `, `^00000fb0 `)
}

// B7: a SYN to a closed port is shown, and reset.
func TestRawRecvShowsASynThatIsReset(t *testing.T) {
	runningBoth(t)
	out, code := begin(t, "rawrecv", "-c", "1", "--name", "beta", "eth0", "tcp")
	out.waitFor(t, "receiving")
	r := command(t, "", "nc", "--name", "alpha", "-zv", "10.9.0.2", "81")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "Connection refused")
	require.Zero(t, <-code)
	require.Regexp(t, `IP 10\.9\.0\.1\.\d+ > 10\.9\.0\.2\.81: Flags \[S\]`, out.String())
}

func TestRawProgramsSayWhatIsWrong(t *testing.T) {
	running(t)
	for _, args := range []string{"rawrecv eth0 ipx", "rawrecv eth0 0", "rawrecv eth0", "rawsend eth0", "rawsend eth0 host",
		"rawsend --ttl 256 eth0 10.9.0.2", "rawsend -s x eth0 10.9.0.2"} {
		require.Equal(t, 2, command(t, "", strings.Fields(args)...).code, args)
	}
	require.Contains(t, command(t, "", "rawrecv", "nope", "icmp").err, `no device called "nope"`)
}
