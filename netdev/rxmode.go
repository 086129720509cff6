package netdev

// What a device lets through besides its own address and broadcasts is counted,
// for several may ask for it at once: packet sockets, and the user by the flag
// (dev_set_promiscuity, dev_set_allmulti). Drivers without address filters, and
// that is most, deliver everything anyway; the flag says that somebody wants it.

// RxModer is a driver that must be told what to let through
// (ndo_set_rx_mode).
type RxModer interface {
	// SetRxMode has frames for other stations pass, or only those for groups.
	SetRxMode(promisc, allMulti bool) error
}

// rxMode are the counts; Device.mu guards them.
type rxMode struct {
	promisc, allMulti int
	byFlag            Flags // what SetFlags asked for (net_device.gflags)
}

// AddPromiscuity counts up or down who wants every frame (dev_set_promiscuity).
// Error: the driver's, where it cannot let them through.
func (d *Device) AddPromiscuity(by int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changeRxMode(by, 0)
}

// AddAllMulti counts up or down who wants every multicast (dev_set_allmulti);
// see AddPromiscuity.
func (d *Device) AddAllMulti(by int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changeRxMode(0, by)
}

// Promiscuity returns how many want every frame.
func (d *Device) Promiscuity() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rx.promisc
}

// changeRxMode counts, tells the driver of a change and keeps the flags; mu is
// held.
func (d *Device) changeRxMode(promisc, allMulti int) error {
	next := d.rx
	next.promisc, next.allMulti = next.promisc+promisc, next.allMulti+allMulti
	before, now := d.rx.flags(), next.flags()
	if drv, ok := d.driver.(RxModer); ok && before != now {
		err := drv.SetRxMode(now&Promisc != 0, now&AllMulti != 0)
		if err != nil && now&^before != 0 { // that it lets too much through is no error
			return err
		}
	}
	d.rx = next
	d.flags.Store(uint32(d.Flags()&^(Promisc|AllMulti) | now))
	return nil
}

func (r *rxMode) flags() Flags {
	var f Flags
	if r.promisc > 0 {
		f |= Promisc
	}
	if r.allMulti > 0 {
		f |= AllMulti
	}
	return f
}

// setRxFlags is what SetFlags does with the two flags that are counted; mu is
// held. A driver that refuses leaves them as they were.
func (d *Device) setRxFlags(set, clear Flags) {
	before := d.rx.byFlag
	want := before&^clear | set&(Promisc|AllMulti)
	promisc := step(want&Promisc != 0) - step(before&Promisc != 0)
	allMulti := step(want&AllMulti != 0) - step(before&AllMulti != 0)
	if d.changeRxMode(promisc, allMulti) == nil {
		d.rx.byFlag = want
	}
}

func step(on bool) int {
	if on {
		return 1
	}
	return 0
}
