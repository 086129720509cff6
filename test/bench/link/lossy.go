package link

// A lossy link has a router before the peer. Packets are lost where it forwards
// them, so that neither sender is told, as it would be by a queue of its own.

// lossRule loses one packet of a hundred.
const lossRule = "numgen random mod 100 == 0 counter drop"

const (
	peerDev   = "p0" // the peer's end of the cable to the router
	routerDev = "r0"
)

func (s Spec) lossy(w *Wire) (err error) {
	if w.near, err = w.namespace(); err != nil {
		return err
	}
	if err := join(w.Peer, peerDev, w.near, routerDev, s.Offload); err != nil {
		return err
	}
	if err := w.near.up(routerDev, s.MTU, ""); err != nil {
		return err
	}
	return w.Peer.up(peerDev, s.MTU, Host+"/24")
}

// forward has the namespace answer ARP for either side and pass on all but the
// lost ones.
func (n *Namespace) forward(mtu int) error {
	if err := n.up(HostDev, mtu, ""); err != nil {
		return err
	}
	for name, value := range map[string]string{"ip_forward": "1", "conf/all/proxy_arp": "1",
		"neigh/" + HostDev + "/proxy_delay": "0", "neigh/" + routerDev + "/proxy_delay": "0"} {
		if err := n.write("ipv4/"+name, value); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"ip", "route", "add", Host + "/32", "dev", routerDev},
		{"ip", "route", "add", Guest + "/32", "dev", HostDev},
		{"nft", "add table inet loss; add chain inet loss forward { type filter hook forward priority 0; }; add rule inet loss forward " + lossRule},
	} {
		if err := n.Run(args...); err != nil {
			return err
		}
	}
	return nil
}
