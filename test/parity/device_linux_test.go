package parity

import (
	"encoding/json"
	"os/exec"
	"time"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/test/netns"
	"github.com/stretchr/testify/require"
)

// What the test does to the host's device, and asks of it, beside the sockets.

func (h *host) device() *netdev.Device { return h.stack.Devices()[h.index-1] }

// setUp brings the host's device up or down.
func (h *host) setUp(up bool) {
	switch {
	case h.stack == nil && up:
		netns.IP(h.t, "link set "+h.dev+" up")
		h.waitForCarrier()
	case h.stack == nil:
		netns.IP(h.t, "link set "+h.dev+" down")
	case up:
		h.device().SetFlags(netdev.Up, 0)
	default:
		h.device().SetFlags(0, netdev.Up)
	}
}

// ipLink is what is read of ip -d -j link.
type ipLink struct {
	Promiscuity int    `json:"promiscuity"`
	OperState   string `json:"operstate"`
}

func (h *host) ipLink() ipLink {
	out, err := exec.Command("ip", "-d", "-j", "link", "show", "dev", h.dev).Output()
	require.NoError(h.t, err)
	var links []ipLink
	require.NoError(h.t, json.Unmarshal(out, &links))
	return links[0]
}

// waitForCarrier waits until the kernel has noticed that the device is up: it
// does so in a worker.
func (h *host) waitForCarrier() {
	require.Eventually(h.t, func() bool { return h.ipLink().OperState != "DOWN" }, patience, time.Millisecond)
}

// promiscuity is how many want every frame of the host's device.
func (h *host) promiscuity() int {
	if h.stack == nil {
		return h.ipLink().Promiscuity
	}
	return h.device().Promiscuity()
}

// neighbours are the link addresses that the host knows.
func (h *host) neighbours() []string {
	var all []string
	if h.stack != nil {
		for _, n := range h.stack.Neighbours() {
			all = append(all, n.IP.String())
		}
		return all
	}
	out, err := exec.Command("ip", "-j", "neigh", "show", "dev", h.dev).Output()
	require.NoError(h.t, err)
	var list []struct {
		Dst string `json:"dst"`
	}
	require.NoError(h.t, json.Unmarshal(out, &list))
	for _, n := range list {
		all = append(all, n.Dst)
	}
	return all
}
