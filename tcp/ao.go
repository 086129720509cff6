package tcp

import (
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/inet"
)

// The TCP Authentication Option (RFC 5925), the keys. A master key tuple names
// a peer, an algorithm, a secret, and two numbers: the one that our segments
// show for it, and the one that the peer's do. A connection may have several
// and change between them while it runs: each segment says which key signed it
// and which key its sender would like to see next. What a connection does with
// them is in ao_conn.go, the cryptography in ao_mac.go.

const (
	optAO    = 29 // RFC 5925 2.2
	aoIDs    = 2  // KeyID and RNextKeyID
	aoMACLen = 12 // RFC 5926 3.2: 96 bits
	aoMaxMAC = 16 // what leaves room for the options of a SYN
)

// AOKey is a master key tuple (RFC 5925 3.1; struct tcp_ao_add).
type AOKey struct {
	Peer           netip.Prefix
	Algorithm      string // AOHMACSHA1 or AOCMACAES
	Key            []byte // 1 to 80 bytes
	SendID, RecvID uint8
	MACLen         int  // bytes of the MAC in the option; 0: 12
	ExcludeOptions bool // the MAC does not cover the other options
	SetCurrent     bool // sign with it from now on
	SetRNext       bool // ask the peer to sign with it
}

// aoKey is one that a socket has, with the traffic keys of its connection.
type aoKey struct {
	AOKey
	alg        aoAlgorithm
	send, recv *aoMAC // under the traffic keys, nil until needed
}

// aoKeys is what a socket keeps of TCP-AO.
type aoKeys struct {
	keys           []*aoKey
	current, rnext *aoKey // what we sign with, and what the peer is asked to
	conn           *aoConn
	info           AOInfo // what is set, and the counters
}

// AOInfo is what TCP_AO_INFO shows and sets.
type AOInfo struct {
	Current, RNext uint8 // the SendID of the key in use, the RecvID of the one asked for
	SetCurrent     bool  // change it
	SetRNext       bool
	Required       bool // refuse peers that no key fits
	AcceptICMP     bool // believe ICMP errors (RFC 5925 7.8)

	Good, Bad, KeyNotFound, RequiredDrops uint64 // segments received
}

// AddAOKey adds a master key tuple (TCP_AO_ADD_KEY). A connection must have had
// one before it was opened. Errors: EINVAL; ENOENT for an unknown algorithm;
// EMSGSIZE for a MAC that does not fit; EEXIST where the peers overlap and a
// number is the same; EKEYREJECTED where an MD5 key matches.
func (c *Conn) AddAOKey(k AOKey) error {
	n, err := newAOKey(k)
	if err != nil {
		return err
	}
	c.Lock()
	defer c.Unlock()
	if err := c.mayAddAO(n); err != nil {
		return err
	}
	if c.auth == nil {
		c.own().auth = &auth{}
	}
	if c.auth.ao == nil {
		c.auth.ao = &aoKeys{}
	}
	a := c.auth.ao
	a.keys = append(a.keys, n)
	if k.SetCurrent {
		a.current = n
	}
	if k.SetRNext {
		a.rnext = n
	}
	c.guard()
	c.keysChanged()
	return nil
}

// guard notes whether ICMP errors are to be doubted.
func (c *Conn) guard() {
	a := c.auth.ao
	c.guarded.Store(a != nil && len(a.keys) > 0 && !a.info.AcceptICMP)
}

func newAOKey(k AOKey) (*aoKey, error) {
	alg, ok := aoAlgorithmOf(k.Algorithm)
	if k.MACLen == 0 {
		k.MACLen = aoMACLen
	}
	switch {
	case !k.Peer.IsValid() || !k.Peer.Addr().Is4() || len(k.Key) == 0 || len(k.Key) > maxAuthKey || k.MACLen < 0:
		return nil, syscall.EINVAL
	case !ok:
		return nil, syscall.ENOENT
	case k.MACLen > aoMaxMAC:
		return nil, syscall.EMSGSIZE
	}
	k.Peer, k.Key = k.Peer.Masked(), append([]byte(nil), k.Key...)
	return &aoKey{AOKey: k, alg: alg}, nil
}

func (c *Conn) mayAddAO(n *aoKey) error {
	if !c.state.in(setOf(Closed, Listen)) {
		if c.auth == nil || c.auth.ao == nil || !n.Peer.Contains(c.Peer.Addr()) {
			return syscall.EINVAL
		}
	}
	if c.auth == nil {
		return nil
	}
	for _, k := range c.auth.md5 {
		if k.peer.Overlaps(n.Peer) {
			return inet.EKEYREJECTED
		}
	}
	if c.auth.ao.taken(n) {
		return syscall.EEXIST
	}
	return nil
}

// taken reports whether a number of n is used for one of its peers already.
func (a *aoKeys) taken(n *aoKey) bool {
	if a == nil {
		return false
	}
	for _, k := range a.keys {
		if k.Peer.Overlaps(n.Peer) && (k.SendID == n.SendID || k.RecvID == n.RecvID) {
			return true
		}
	}
	return false
}

// overlaps reports whether a key is for one of the peers.
func (a *aoKeys) overlaps(peer netip.Prefix) bool {
	if a == nil {
		return false
	}
	for _, k := range a.keys {
		if k.Peer.Overlaps(peer) {
			return true
		}
	}
	return false
}

// DelAOKey removes a master key tuple (TCP_AO_DEL_KEY). Errors: ENOENT; EBUSY
// for one that a connection signs with or asks for.
func (c *Conn) DelAOKey(peer netip.Prefix, sendID, recvID uint8) error {
	c.Lock()
	defer c.Unlock()
	if c.auth == nil || c.auth.ao == nil {
		return syscall.ENOENT
	}
	a := c.auth.ao
	for i, k := range a.keys {
		if k.Peer != peer.Masked() || k.SendID != sendID || k.RecvID != recvID {
			continue
		}
		if !c.state.in(setOf(Closed, Listen)) && (k == a.current || k == a.rnext) {
			return syscall.EBUSY
		}
		a.remove(i)
		c.guard()
		c.keysChanged()
		return nil
	}
	return syscall.ENOENT
}

func (a *aoKeys) remove(i int) {
	k := a.keys[i]
	a.keys = append(a.keys[:i], a.keys[i+1:]...)
	if a.current == k {
		a.current = nil
	}
	if a.rnext == k {
		a.rnext = nil
	}
}

// SetAOInfo changes what TCP_AO_INFO sets: which keys are used, whether
// peers without one are refused, and whether ICMP errors count. Error: ENOENT
// for a number that no key has.
func (c *Conn) SetAOInfo(i AOInfo) error {
	c.Lock()
	defer c.Unlock()
	if c.auth == nil {
		c.own().auth = &auth{}
	}
	if c.auth.ao == nil {
		c.auth.ao = &aoKeys{}
	}
	a := c.auth.ao
	current, rnext := a.bySend(c.Peer.Addr(), i.Current), a.byRecv(c.Peer.Addr(), i.RNext)
	if i.SetCurrent && current == nil || i.SetRNext && rnext == nil {
		return syscall.ENOENT
	}
	if i.SetCurrent {
		a.current = current
	}
	if i.SetRNext {
		a.rnext = rnext
	}
	a.info.Required, a.info.AcceptICMP = i.Required, i.AcceptICMP
	c.guard()
	c.keysChanged()
	return nil
}

// AOInfo returns what TCP_AO_INFO shows. Error: ENOENT for a socket without
// TCP-AO.
func (c *Conn) AOInfo() (AOInfo, error) {
	c.Lock()
	defer c.Unlock()
	if c.auth == nil || c.auth.ao == nil {
		return AOInfo{}, syscall.ENOENT
	}
	a := c.auth.ao
	i := a.info
	if a.current != nil {
		i.Current = a.current.SendID
	}
	if a.rnext != nil {
		i.RNext = a.rnext.RecvID
	}
	return i, nil
}

// bySend and byRecv find a key for a peer by number, nil if there is none. No
// address stands for every peer.
func (a *aoKeys) bySend(peer netip.Addr, id uint8) *aoKey {
	return a.find(peer, func(k *aoKey) bool { return k.SendID == id })
}

func (a *aoKeys) byRecv(peer netip.Addr, id uint8) *aoKey {
	return a.find(peer, func(k *aoKey) bool { return k.RecvID == id })
}

// anyFor returns the first key for a peer.
func (a *aoKeys) anyFor(peer netip.Addr) *aoKey {
	return a.find(peer, func(*aoKey) bool { return true })
}

func (a *aoKeys) find(peer netip.Addr, fits func(*aoKey) bool) *aoKey {
	if a == nil {
		return nil
	}
	for _, k := range a.keys {
		if (!peer.IsValid() || k.Peer.Contains(peer)) && fits(k) {
			return k
		}
	}
	return nil
}
