package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/netdev"
)

// B18, B20: a datagram that is longer than the MTU is its fragments, and what
// leaves is shown as well.
func TestPacketRecvShowsFragmentsAndWhatLeaves(t *testing.T) {
	runningBoth(t)
	ok(t, "", "ping", "--name", "alpha", "-c", "1", "10.9.0.2") // that no ARP comes between
	out, code := begin(t, "packetrecv", "-b", "-c", "6", "--name", "beta", "eth0")
	out.waitFor(t, "receiving")
	ok(t, "", "ping", "--name", "alpha", "-c", "1", "-s", "4000", "10.9.0.2")
	require.Zero(t, <-code)
	const macs = anyMAC + ` > ` + anyMAC + `, `
	requireOrder(t, out.String(),
		`^`+clockTime+` In  `+macs+`IP 10\.9\.0\.1 > 10\.9\.0\.2: ICMP echo request, .* \(frag id \d+, 1480 bytes at 0\+\)$`,
		`In  .*: ICMP \(frag id \d+, 1480 bytes at 1480\+\)$`, `In  .*: ICMP \(frag id \d+, 1048 bytes at 2960\)$`,
		`Out .*ICMP echo reply`)
}

// B16: dgram shows the packet behind the link header.
func TestPacketRecvWithoutTheLinkHeader(t *testing.T) {
	runningBoth(t)
	out, code := begin(t, "packetrecv", "--type", "dgram", "--proto", "arp", "-c", "1", "--name", "beta", "eth0")
	out.waitFor(t, "receiving")
	ok(t, "", "ping", "--name", "alpha", "-c", "1", "10.9.0.2")
	require.Zero(t, <-code)
	requireOrder(t, out.String(), `B   ARP, Request who-has 10\.9\.0\.2 tell 10\.9\.0\.1$`, `^00000000  00 01 08 00 06 04 00 01 `)
}

// B22: the device is promiscuous while packetrecv runs.
func TestPromiscuousModeIsUndoneAtTheEnd(t *testing.T) {
	alpha, _ := running(t)
	promiscuous := func() bool { return alpha.Devices()[1].Flags()&netdev.Promisc != 0 }
	ctx, cancel := context.WithCancel(t.Context())
	out, code := &growing{}, make(chan int, 1)
	a := &app{ctx: ctx, in: strings.NewReader(""), out: out, err: out}
	go func() { code <- a.main([]string{"packetrecv", "eth0"}) }()
	out.waitFor(t, "receiving")
	require.True(t, promiscuous())
	require.Contains(t, ok(t, "", "addr"), "eth0: <BROADCAST,MULTICAST,PROMISC,UP>")
	requireOrder(t, ok(t, "", "ss", "-a0"), `^Netid +State `, `^p_raw +UNCONN +0 +0 +\*:eth0 +\*:\* +#\d+$`)
	cancel()
	require.Zero(t, <-code)
	require.Eventually(t, func() bool { return !promiscuous() }, 10*time.Second, time.Millisecond)
}

// B17, B21: a frame is sent as it is, or behind a header made of the address.
func TestPacketSendSendsWhatItIsGiven(t *testing.T) {
	for _, args := range [][]string{
		{"eth0", "02:00:00:00:00:99", "020000000001", "88b5", "48656c6c6f"},
		{"--type", "dgram", "--to", "02:00:00:00:00:99", "--proto", "0x88b5", "eth0", "48656c6c6f"},
	} {
		runningBoth(t)
		out, code := begin(t, "packetrecv", "-c", "1", "--proto", "0x88b5", "--name", "beta", "eth0")
		out.waitFor(t, "receiving")
		require.Contains(t, ok(t, "", append([]string{"packetsend", "--name", "alpha"}, args...)...), " bytes by eth0\n")
		require.Zero(t, <-code)
		requireOrder(t, out.String(), `P   `+anyMAC+` > 02:00:00:00:00:99, ethertype 0x88b5, length 5$`, `88 b5 48 65 `, `^00000010  6c 6c 6f `)
	}
}

func TestPacketProgramsSayWhatIsWrong(t *testing.T) {
	running(t)
	for _, args := range []string{"packetrecv", "packetrecv --type x eth0", "packetrecv --proto ipx eth0", "packetsend eth0", "packetsend eth0 zz",
		"packetsend --type dgram eth0 00", "packetsend --to 02:00:00:00:00:09 eth0 00", "hub eth0", "bridge --ageing -1 a b"} {
		require.Equal(t, 2, command(t, "", strings.Fields(args)...).code, args)
	}
	require.Contains(t, command(t, "", "packetsend", "eth0", "0011").err, "invalid argument")
	require.Contains(t, command(t, "", "packetrecv", "nope").err, `no device called "nope"`)
}
