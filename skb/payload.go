package skb

// AddFrag appends n bytes of c at off to the packet by reference; the buffer
// holds c until it dies. It reports false when the buffer carries MaxFrags.
// Bytes that continue the last reference extend it.
func (b *Buffer) AddFrag(c *Chunk, off, n int) bool {
	if k := len(b.frags); k > 0 {
		last := &b.frags[k-1]
		if last.chunk == c && last.off+last.len == off {
			last.len += n
			last.held += n
			b.fragLen += n
			return true
		}
	}
	if len(b.frags) >= MaxFrags {
		return false
	}
	b.addFrag(Frag{c, off, n, n})
	return true
}

// addFrag appends f and takes a reference for it.
func (b *Buffer) addFrag(f Frag) {
	switch {
	case b.frags == nil:
		b.frags = b.fragStore[:0]
	case len(b.frags) == cap(b.frags):
		b.frags = append(make([]Frag, 0, MaxFrags), b.frags...)
	}
	f.chunk.refs.Add(1)
	b.frags = append(b.frags, f)
	b.fragLen += f.len
}

func (b *Buffer) dropFrag(i int) {
	b.frags[i].chunk.release()
	copy(b.frags[i:], b.frags[i+1:])
	b.frags[len(b.frags)-1] = Frag{}
	b.frags = b.frags[:len(b.frags)-1]
}

// Take moves the bytes of src behind b's by reference, and consumes src: how
// GRO and reassembly join packets. It reports false, and leaves both alone,
// when b cannot carry the references.
func (b *Buffer) Take(src *Buffer) bool {
	if len(b.frags)+len(src.frags)+1 > MaxFrags {
		return false
	}
	if n := src.HeadLen(); n > 0 {
		b.addFrag(Frag{src.chunk, src.data, n, len(src.chunk.b)})
	}
	for i := range src.frags {
		b.addFrag(src.frags[i])
	}
	src.Consume()
	return true
}

// AddRange appends n bytes of src from its offset off by reference: how a
// super-segment is cut. It reports false, and leaves b alone, where src has
// fewer bytes or b cannot carry the references.
func (b *Buffer) AddRange(src *Buffer, off, n int) bool {
	if off < 0 || n < 0 || off+n > src.Len() {
		return false
	}
	before := b.Len()
	if b.addRange(src, off, n) {
		return true
	}
	b.Trim(before)
	return false
}

func (b *Buffer) addRange(src *Buffer, off, n int) bool {
	if head := min(n, src.HeadLen()-off); head > 0 {
		if !b.AddFrag(src.chunk, src.data+off, head) {
			return false
		}
		off, n = off+head, n-head
	}
	off -= src.HeadLen()
	for i := 0; n > 0; i++ {
		f := &src.frags[i]
		if step := min(n, f.len-off); step > 0 {
			if !b.AddFrag(f.chunk, f.off+off, step) {
				return false
			}
			off, n = off+step, n-step
		}
		off -= f.len
	}
	return true
}

// Frags returns the payload references behind the linear part.
func (b *Buffer) Frags() []Frag { return b.frags }

// Slices appends the packet's parts to dst, for writev.
func (b *Buffer) Slices(dst [][]byte) [][]byte {
	if b.HeadLen() > 0 {
		dst = append(dst, b.Data())
	}
	for i := range b.frags {
		dst = append(dst, b.frags[i].Bytes())
	}
	return dst
}

// CopyOut copies the packet from offset off into dst and returns how many
// bytes there were.
func (b *Buffer) CopyOut(off int, dst []byte) int {
	n := 0
	if off < b.HeadLen() {
		n = copy(dst, b.Data()[off:])
		off = b.HeadLen()
	}
	return n + b.copyFrags(off-b.HeadLen(), dst[n:])
}

func (b *Buffer) copyFrags(off int, dst []byte) int {
	n := 0
	for i := range b.frags {
		f := &b.frags[i]
		if off >= f.len {
			off -= f.len
			continue
		}
		n += copy(dst[n:], f.Bytes()[off:])
		off = 0
	}
	return n
}

// Append copies p behind the linear part; see Put.
func (b *Buffer) Append(p []byte) { copy(b.Put(len(p)), p) }

// Bytes returns the whole packet in one slice, copying only where it is not
// linear.
func (b *Buffer) Bytes() []byte {
	if len(b.frags) == 0 {
		return b.Data()
	}
	p := make([]byte, b.Len())
	b.CopyOut(0, p)
	return p
}
