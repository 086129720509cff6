package tcp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/slankdev/ministack/netdev"
)

// Fast Open cookies (RFC 7413 4.1.2): a keyed hash of the two addresses, which
// a client can show only if it once got an answer at its address. The server
// keeps nothing. A second key lets a farm of servers change theirs while
// clients still hold cookies made with the old one.

const (
	cookieLen    = 8  // what is given out (RFC 7413 4.1.1 allows 4 to 16)
	maxCookieLen = 16 // and what is taken
	minCookieLen = 4
	foKeyLen     = 16
)

// fastOpenKeys are one key or two, the newer first, as the bytes that
// TCP_FASTOPEN_KEY takes.
type fastOpenKeys []byte

func (k fastOpenKeys) count() int { return len(k) / foKeyLen }

func (k fastOpenKeys) key(i int) sipKey {
	p := k[i*foKeyLen:]
	return sipKey{binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])}
}

// cookie is what client gets from server, by key i.
func (k fastOpenKeys) cookie(i int, client, server netip.Addr) []byte {
	s := newSipState(k.key(i))
	c, d := client.As16(), server.As16()
	n := uint64(32)
	if client.Is4() && server.Is4() {
		s.word(uint64(binary.LittleEndian.Uint32(c[12:])) | uint64(binary.LittleEndian.Uint32(d[12:]))<<32)
		n = 8
	} else {
		for _, a := range [][16]byte{c, d} {
			s.word(binary.LittleEndian.Uint64(a[:]))
			s.word(binary.LittleEndian.Uint64(a[8:]))
		}
	}
	return binary.LittleEndian.AppendUint64(nil, s.finish(n<<56))
}

// match returns which key made the cookie, -1 for none.
func (k fastOpenKeys) match(cookie []byte, client, server netip.Addr) int {
	for i := range k.count() {
		if slices.Equal(cookie, k.cookie(i, client, server)) {
			return i
		}
	}
	return -1
}

// foKeySetting is net.ipv4.tcp_fastopen_key: words in hexadecimal, each in the
// machine's byte order as Linux has it on a little-endian one.
type foKeySetting struct{ keys atomic.Pointer[fastOpenKeys] }

func (s *foKeySetting) init(r netdev.Rand) {
	k := make(fastOpenKeys, foKeyLen)
	binary.LittleEndian.PutUint64(k, r.Uint64())
	binary.LittleEndian.PutUint64(k[8:], r.Uint64())
	s.keys.Store(&k)
}

func (s *foKeySetting) get() fastOpenKeys { return *s.keys.Load() }

func (s *foKeySetting) set(text string) error {
	var keys fastOpenKeys
	for _, one := range strings.Split(text, ",") {
		words := strings.Split(strings.TrimSpace(one), "-")
		if len(words) != 4 {
			return fmt.Errorf("%q is not four words: %w", one, syscall.EINVAL)
		}
		for _, w := range words {
			b, err := hex.DecodeString(fmt.Sprintf("%08s", w))
			if err != nil || len(b) != 4 {
				return fmt.Errorf("%q is not a word of 32 bits: %w", w, syscall.EINVAL)
			}
			keys = binary.LittleEndian.AppendUint32(keys, binary.BigEndian.Uint32(b))
		}
	}
	if keys.count() > 2 {
		return fmt.Errorf("more than two keys: %w", syscall.EINVAL)
	}
	s.keys.Store(&keys)
	return nil
}

// String shows the keys as they are set.
func (s *foKeySetting) String() string {
	var words []string
	k := s.get()
	for i := 0; i < len(k); i += 4 {
		words = append(words, fmt.Sprintf("%08x", binary.LittleEndian.Uint32(k[i:])))
	}
	text := strings.Join(words, "-")
	if k.count() == 2 {
		text = strings.Join(words[:4], "-") + "," + strings.Join(words[4:], "-")
	}
	return text
}

// SetFastOpenKey gives a listener keys of its own: 16 bytes, or 32 for two
// (TCP_FASTOPEN_KEY). Error: EINVAL.
func (c *Conn) SetFastOpenKey(key []byte) error {
	if len(key) != foKeyLen && len(key) != 2*foKeyLen {
		return syscall.EINVAL
	}
	c.Lock()
	defer c.Unlock()
	c.own().server.fastOpenKeys = slices.Clone(fastOpenKeys(key))
	return nil
}

// FastOpenKey returns the keys that a listener uses, 16 or 32 bytes.
func (c *Conn) FastOpenKey() []byte {
	c.Lock()
	defer c.Unlock()
	return slices.Clone(c.fastOpenKeys())
}

func (c *Conn) fastOpenKeys() fastOpenKeys {
	if own := c.server.fastOpenKeys; own != nil {
		return own
	}
	return c.m.foKey.get()
}
