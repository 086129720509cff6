package control

import (
	"net/http"
	"sort"

	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
	"github.com/slankdev/ministack/stat"
)

// What a stack looks like: devices, addresses, routes, neighbours, settings,
// counters.

func (v *Server) links() []Link {
	var all []Link
	for _, d := range v.stack.Devices() {
		all = append(all, linkOf(d))
	}
	return all
}

func linkOf(d *netdev.Device) Link {
	c := &d.Counters
	l := Link{Index: d.Index, Name: d.Name, MTU: d.MTU(), Flags: flagNames(d.Flags()), Up: d.Up(), Addrs: d.Addrs(),
		RxPackets: c.RxPackets.Load(), RxBytes: c.RxBytes.Load(), RxDropped: c.RxDropped.Load(),
		TxPackets: c.TxPackets.Load(), TxBytes: c.TxBytes.Load(), TxDropped: c.TxDropped.Load(), TxErrors: c.TxErrors.Load()}
	if d.HasLink() {
		l.MAC = d.MAC.String()
	}
	if err := d.Err(); err != nil {
		l.Err = err.Error()
	}
	return l
}

// flagNames are those of ip link.
func flagNames(f netdev.Flags) []string {
	var names []string
	for _, n := range []struct {
		flag netdev.Flags
		name string
	}{
		{netdev.IsLoopback, "LOOPBACK"}, {netdev.IsBroadcast, "BROADCAST"}, {netdev.IsMulticast, "MULTICAST"},
		{netdev.NoARP, "NOARP"}, {netdev.Promisc, "PROMISC"}, {netdev.AllMulti, "ALLMULTI"}, {netdev.Up, "UP"},
	} {
		if f&n.flag != 0 {
			names = append(names, n.name)
		}
	}
	return names
}

func (v *Server) routeList() []Route {
	var all []Route
	for _, e := range v.stack.Routes() {
		r := Route{Dst: e.Dst, Metric: e.Metric, Kernel: e.Kernel}
		if e.Dev != nil {
			r.Dev = e.Dev.Name
		}
		if e.Via.IsValid() {
			r.Via = &e.Via
		}
		if e.Src.IsValid() {
			r.Src = &e.Src
		}
		all = append(all, r)
	}
	return all
}

func (v *Server) neighbours() []Neighbour {
	var all []Neighbour
	for _, e := range v.stack.Neighbours() {
		n := Neighbour{IP: e.IP, Dev: e.Device, State: e.State.String(), Used: e.Used, Updated: e.Updated, Held: e.Held}
		if e.MAC != (netdev.MACAddr{}) {
			n.MAC = e.MAC.String()
		}
		all = append(all, n)
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Dev != all[j].Dev {
			return all[i].Dev < all[j].Dev
		}
		return all[i].IP.Less(all[j].IP)
	})
	return all
}

// settings are all, or the one that is named.
func (v *Server) settings(r *http.Request) (any, error) {
	names := v.stack.Sysctls()
	if one := r.URL.Query().Get("name"); one != "" {
		names = []string{one}
	}
	all := []Setting{}
	for _, name := range names {
		value, err := v.stack.Sysctl(name)
		if err != nil {
			return nil, err
		}
		all = append(all, Setting{name, value})
	}
	return all, nil
}

func (v *Server) counters() []Counter {
	var all []Counter
	c := v.stack.Counters()
	for id := stat.ID(0); int(id) < stat.Count; id++ {
		if id != stat.OfReason(skb.NotDropped) {
			all = append(all, Counter{id.Group(), id.Name(), c.Get(id)})
		}
	}
	return all
}
