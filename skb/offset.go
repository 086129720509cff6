package skb

// SetLink marks the front of the data as the link header's start.
func (b *Buffer) SetLink() { b.linkOff = b.data }

// SetNetwork marks the front of the data as the network header's start.
func (b *Buffer) SetNetwork() { b.netOff = b.data }

// SetTransport marks the front of the data as the transport header's start.
func (b *Buffer) SetTransport() { b.transOff = b.data }

// Link returns the linear bytes from the link header on, nil if not marked.
func (b *Buffer) Link() []byte { return b.from(b.linkOff) }

// Network returns the linear bytes from the network header on, nil if not marked.
func (b *Buffer) Network() []byte { return b.from(b.netOff) }

// Transport returns the linear bytes from the transport header on, nil if not marked.
func (b *Buffer) Transport() []byte { return b.from(b.transOff) }

// NetworkOffset returns where the network header stands, counted from the front
// of the data, which may be negative once it was pulled; false if not marked.
func (b *Buffer) NetworkOffset() (int, bool) { return b.netOff - b.data, b.netOff >= 0 }

// TransportOffset is the same for the transport header.
func (b *Buffer) TransportOffset() (int, bool) { return b.transOff - b.data, b.transOff >= 0 }

func (b *Buffer) from(off int) []byte {
	if off < 0 || off > b.tail {
		return nil
	}
	return b.chunk.b[off:b.tail]
}

// PushToLink moves the front back to the link header (skb_push of mac_len) and
// reports false where none is marked.
func (b *Buffer) PushToLink() bool { return b.pushTo(b.linkOff) }

// PushToNetwork moves the front back to the network header and reports false
// where none is marked.
func (b *Buffer) PushToNetwork() bool { return b.pushTo(b.netOff) }

func (b *Buffer) pushTo(off int) bool {
	if off < 0 || off > b.tail {
		return false
	}
	b.data = off
	return true
}
