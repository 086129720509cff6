package bridge

import (
	"sync"
	"time"

	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/netdev"
)

// The forwarding database (br_fdb.c; IEEE 802.1D-2004 7.9): behind which port
// an address was seen last. An address that moves is learnt anew by the first
// frame that it sends; one that is silent for the ageing time is forgotten.

// maxLearned bounds the table, so that a flood of addresses does not eat the
// memory. What finds no room is flooded, which is correct and slow.
const maxLearned = 16384

type fdb struct {
	ageing time.Duration // 0: nothing is learnt
	mu     sync.RWMutex
	byMAC  map[netdev.MACAddr]seen
}

// seen is where and when an address was heard.
type seen struct {
	port *netdev.Device
	at   clock.Time
}

func (f *fdb) init(ageing time.Duration) { f.ageing, f.byMAC = ageing, map[netdev.MACAddr]seen{} }

// learn notes the source of a frame (br_fdb_update).
func (f *fdb) learn(mac netdev.MACAddr, port *netdev.Device, now clock.Time) {
	if f.ageing == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.byMAC[mac]; !known && len(f.byMAC) >= maxLearned {
		f.forget(now)
		if len(f.byMAC) >= maxLearned {
			return
		}
	}
	f.byMAC[mac] = seen{port, now}
}

// forget drops what is too old (br_fdb_cleanup).
func (f *fdb) forget(now clock.Time) {
	for mac, s := range f.byMAC {
		if now.Sub(s.at) >= f.ageing {
			delete(f.byMAC, mac)
		}
	}
}

// find returns the port behind which an address is, nil if that is not known.
func (f *fdb) find(mac netdev.MACAddr, now clock.Time) *netdev.Device {
	f.mu.RLock()
	defer f.mu.RUnlock()
	s, ok := f.byMAC[mac]
	if !ok || now.Sub(s.at) >= f.ageing {
		return nil
	}
	return s.port
}

func (f *fdb) list(now clock.Time) []Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget(now)
	var all []Entry
	for mac, s := range f.byMAC {
		all = append(all, Entry{mac, s.port, now.Sub(s.at)})
	}
	return all
}
