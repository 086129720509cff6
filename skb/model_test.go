package skb

import (
	"bytes"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// The naive model: each live buffer beside the bytes that it must hold. Random
// operations are done to both.

type twin struct {
	b    *Buffer
	want []byte
}

type world struct {
	t      *testing.T
	r      *rand.Rand
	pools  [2]*Pool
	live   []*twin
	chunks map[*Chunk]bool
}

func newWorld(t *testing.T, seed int64) *world {
	return &world{t: t, r: rand.New(rand.NewSource(seed)), pools: [2]*Pool{NewPool(nil), NewPool(nil)}, chunks: map[*Chunk]bool{}}
}

func (w *world) random(n int) []byte {
	p := make([]byte, n)
	w.r.Read(p)
	return p
}

// size favours small numbers and the borders of the size classes.
func (w *world) size() int {
	switch w.r.Intn(8) {
	case 0:
		return 0
	case 1:
		return SmallSize - DefaultHeadroom + w.r.Intn(3) - 1
	case 2:
		return w.r.Intn(3 * MediumSize)
	}
	return 1 + w.r.Intn(1500)
}

func (w *world) add(b *Buffer, want []byte) {
	w.live = append(w.live, &twin{b, want})
}

func (w *world) remove(x *twin) {
	for i := range w.live {
		if w.live[i] == x {
			w.live = append(w.live[:i], w.live[i+1:]...)
			return
		}
	}
}

// check compares a twin with its model in every way in which bytes can be read,
// and remembers its storage.
func (w *world) check(x *twin) {
	b, t := x.b, w.t
	require.Equal(t, len(x.want), b.Len())
	require.LessOrEqual(t, len(b.frags), MaxFrags)
	whole := bytes.Join(b.Slices(nil), nil)
	require.True(t, bytes.Equal(x.want, whole), "Slices")
	got := make([]byte, len(x.want)+1)
	off := w.r.Intn(len(x.want) + 1)
	n := b.CopyOut(off, got)
	require.True(t, bytes.Equal(x.want[off:], got[:n]), "CopyOut from %d", off)
	require.True(t, bytes.Equal(x.want, b.Bytes()), "Bytes")
	require.GreaterOrEqual(t, b.TrueSize(), b.HeadLen(), "TrueSize")
	w.chunks[b.chunk] = true
	for i := range b.frags {
		w.chunks[b.frags[i].chunk] = true
	}
}

// operations are what can be done to a buffer; each keeps the model in step.
var operations = []func(w *world, x *twin){
	func(w *world, x *twin) { // Push
		n := w.r.Intn(60)
		x.b.Unshare()
		x.b.EnsureHeadroom(n)
		p := w.random(n)
		copy(x.b.Push(n), p)
		x.want = append(p, x.want...)
	},
	func(w *world, x *twin) { // Put
		x.b.Unshare()
		p := w.random(w.r.Intn(x.b.Tailroom() + 1))
		x.b.Append(p)
		x.want = append(bytes.Clone(x.want), p...)
	},
	func(w *world, x *twin) { // Pull
		n := w.r.Intn(len(x.want) + 2)
		ok := x.b.Pull(n)
		require.Equal(w.t, n <= len(x.want)-x.b.fragLen, ok)
		if ok {
			x.want = x.want[n:]
		}
	},
	func(w *world, x *twin) { // Advance
		n := w.r.Intn(len(x.want) + 2)
		ok := x.b.Advance(n)
		require.Equal(w.t, n <= len(x.want), ok)
		if ok {
			x.want = x.want[n:]
		}
	},
	func(w *world, x *twin) { // Trim
		n := w.r.Intn(len(x.want)+20) - 2
		x.b.Trim(n)
		x.want = x.want[:min(max(n, 0), len(x.want))]
	},
	func(w *world, x *twin) { // MayPull
		n := w.r.Intn(len(x.want) + 2)
		ok := x.b.MayPull(n)
		require.Equal(w.t, n <= len(x.want), ok)
		if ok {
			require.GreaterOrEqual(w.t, x.b.HeadLen(), n)
		}
	},
	func(w *world, x *twin) { w.add(x.b.Clone(), bytes.Clone(x.want)) },
	func(w *world, x *twin) { x.b.Compact() },
	func(w *world, x *twin) { // Unshare, then write
		x.b.Unshare()
		w.r.Read(x.b.Data())
		x.want = bytes.Join(x.b.Slices(nil), nil)
	},
	func(w *world, x *twin) { // AddFrag
		c := w.pools[0].Chunk(w.size() + 1)
		w.r.Read(c.Bytes())
		off := w.r.Intn(c.Cap())
		n := w.r.Intn(min(c.Cap()-off, 3000) + 1)
		if x.b.AddFrag(c, off, n) {
			x.want = append(bytes.Clone(x.want), c.Bytes()[off:off+n]...)
		}
		w.chunks[c] = true
		c.Release()
	},
	func(w *world, x *twin) { // AddRange
		y := w.live[w.r.Intn(len(w.live))]
		off := w.r.Intn(len(y.want) + 1)
		n := w.r.Intn(min(len(y.want)-off, 3000) + 1)
		if x != y && x.b.AddRange(y.b, off, n) {
			x.want = append(bytes.Clone(x.want), y.want[off:off+n]...)
		}
	},
	func(w *world, x *twin) { // Take
		y := w.live[w.r.Intn(len(w.live))]
		if x != y && len(x.want)+len(y.want) < 1<<17 && x.b.Take(y.b) {
			x.want = append(bytes.Clone(x.want), y.want...)
			w.remove(y)
		}
	},
	func(w *world, x *twin) { // Adopt
		x.b = w.pools[w.r.Intn(2)].Adopt(x.b)
	},
	func(w *world, x *twin) { // Share
		w.add(w.pools[w.r.Intn(2)].Share(x.b), bytes.Clone(x.want))
	},
	func(w *world, x *twin) { w.remove(x); x.b.Consume() },
	func(w *world, x *twin) { w.remove(x); x.b.Drop(Reason(1 + w.r.Intn(int(NumReasons)-1))) },
}

func (w *world) birth() {
	pool, n := w.pools[w.r.Intn(2)], w.size()
	p := w.random(n)
	if w.r.Intn(3) == 0 {
		c, off := pool.Chunk(n+200), w.r.Intn(200)
		copy(c.Bytes()[off:], p)
		w.add(pool.Build(c, off, n), p)
		return
	}
	b := pool.New(n)
	b.Append(p)
	w.add(b, p)
}

func (w *world) step() {
	if len(w.live) == 0 || len(w.live) < 12 && w.r.Intn(3) == 0 {
		w.birth()
		return
	}
	x := w.live[w.r.Intn(len(w.live))]
	operations[w.r.Intn(len(operations))](w, x)
	if len(w.live) > 30 {
		y := w.live[0]
		w.remove(y)
		y.b.Consume()
	}
}

func TestBufferHoldsTheBytesOfItsModelAndEndsOnce(t *testing.T) {
	for seed := range int64(12) {
		w := newWorld(t, seed)
		for range 300 {
			w.step()
			for _, x := range w.live {
				w.check(x)
			}
		}
		var live int64
		for _, p := range w.pools {
			c := p.Count()
			require.Equal(t, c.Born, c.Consumed+c.Dropped+c.Live)
			require.Zero(t, c.Twice)
			live += c.Live
		}
		require.Equal(t, int64(len(w.live)), live)
		w.endAll()
	}
}

// endAll ends what lives and shows that no storage is held any more.
func (w *world) endAll() {
	for len(w.live) > 0 {
		x := w.live[0]
		w.remove(x)
		x.b.Drop(QueuePurge)
	}
	for _, p := range w.pools {
		require.Zero(w.t, p.Count().Live)
	}
	for c := range w.chunks {
		require.Zero(w.t, c.refs.Load(), "storage of class %d is still held", c.class)
	}
}
