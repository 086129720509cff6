package netdev

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/skb"
)

func frameOf(p *skb.Pool, text string) *skb.Buffer {
	b := p.New(len(text))
	b.Append([]byte(text))
	return b
}

// writeAll writes and ends frames as a device does.
func writeAll(t testing.TB, d Writer, batch ...*skb.Buffer) {
	n, err := d.Write(batch)
	require.NoError(t, err)
	require.Equal(t, len(batch), n)
	for _, b := range batch {
		b.Consume()
	}
}

func readTexts(t testing.TB, d Driver, p *skb.Pool) (texts []string) {
	var batch [8]*skb.Buffer
	n, err := d.Read(p, batch[:])
	require.NoError(t, err)
	for _, b := range batch[:n] {
		texts = append(texts, string(b.Bytes()))
		b.Consume()
	}
	return texts
}

func TestWhatGoesInAtOneEndComesOutAtTheOtherInOrder(t *testing.T) {
	p, q := skb.NewPool(nil), skb.NewPool(nil)
	a, b := Pipe(1500)
	writeAll(t, a, frameOf(p, "one"), frameOf(p, "two"))
	writeAll(t, b, frameOf(q, "three"))
	writeAll(t, a, frameOf(p, "four"))
	require.Equal(t, []string{"one", "two", "four"}, readTexts(t, b, q))
	require.Equal(t, []string{"three"}, readTexts(t, a, p))
	require.Equal(t, 1500, a.MTU())
	require.Nil(t, a.MAC())
	require.Zero(t, a.Features(), "a plain pipe offers nothing: frames are whole")
	requireBalance(t, p)
	requireBalance(t, q)
}

func TestFramesPassByReference(t *testing.T) {
	p, q := skb.NewPool(nil), skb.NewPool(nil)
	a, b := PipeWith(PipeOptions{Offload: true})
	require.True(t, a.Features().Has(TSO4|TxCsum|RxCsum|GRO))
	f := frameSpec{payload: make([]byte, 5000)}.super(t, p, 1000, 5000)
	payload := f.Frags()[0].Bytes()
	writeAll(t, a, f)
	var batch [4]*skb.Buffer
	require.Equal(t, 1, b.(Poller).Poll(q, batch[:]))
	got := batch[0]
	require.Same(t, &payload[0], &got.Frags()[0].Bytes()[0])
	require.Equal(t, skb.CsumPartial, got.Csum)
	require.Equal(t, skb.GSOTCPv4, got.GSO)
	require.Equal(t, uint16(1000), got.GSOSize)
	got.Consume()
	requireBalance(t, p)
	requireBalance(t, q)
}

func TestAFullPipeTakesNoMore(t *testing.T) {
	p := skb.NewPool(nil)
	a, b := PipeWith(PipeOptions{Queue: 3})
	batch := make([]*skb.Buffer, 5)
	for i := range batch {
		batch[i] = frameOf(p, "x")
	}
	n, err := a.Write(batch)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.Len(t, readTexts(t, b, p), 3)
	n, err = a.Write(batch[3:])
	require.NoError(t, err)
	require.Equal(t, 2, n)
	dropAll(batch)
	require.NoError(t, b.Close())
	requireBalance(t, p)
}

func TestOnReadableIsToldOfTheFirstFrameOnly(t *testing.T) {
	p := skb.NewPool(nil)
	a, b := Pipe(1500)
	told := 0
	b.(Poller).OnReadable(func() { told++ })
	writeAll(t, a, frameOf(p, "1"))
	writeAll(t, a, frameOf(p, "2"))
	require.Equal(t, 1, told)
	readTexts(t, b, p)
	require.Zero(t, b.(Poller).Poll(p, make([]*skb.Buffer, 1)))
	writeAll(t, a, frameOf(p, "3"))
	require.Equal(t, 2, told)
}

func TestCloseEndsABlockedReadAndTellsTheOtherEnd(t *testing.T) {
	p := skb.NewPool(nil)
	a, b := Pipe(1500)
	done := make(chan error)
	go func() {
		_, err := b.Read(p, make([]*skb.Buffer, 1))
		done <- err
	}()
	writeAll(t, b, frameOf(p, "last words"))
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	require.ErrorIs(t, <-done, net.ErrClosed)
	_, err := b.Write([]*skb.Buffer{nil})
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = a.Write([]*skb.Buffer{nil})
	require.ErrorIs(t, err, syscall.ENETDOWN)
	require.Equal(t, []string{"last words"}, readTexts(t, a, p))
	requireBalance(t, p)
}

func TestABarePipeHasNoLinkHeader(t *testing.T) {
	a, _ := PipeWith(PipeOptions{NoLink: true, MTU: 9000})
	require.Equal(t, NoLink, a.Features())
	require.Equal(t, 9000, a.MTU())
}

func TestLoopbackReturnsFramesAndTrustsThem(t *testing.T) {
	p := skb.NewPool(nil)
	lo := NewLoopback(65536)
	require.True(t, lo.Features().Has(Loopback|NoLink|TSO4|TxCsum))
	f := frameSpec{payload: []byte("hello"), noLink: true}.super(t, p, 1000, 100)
	writeAll(t, lo, f, frameOf(p, "raw"))
	var batch [4]*skb.Buffer
	n, err := lo.Read(p, batch[:])
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, skb.CsumUnnecessary, batch[0].Csum)
	require.Equal(t, skb.CsumNone, batch[1].Csum, "a checksum that somebody wrote is verified")
	dropAll(batch[:2])
	writeAll(t, lo, frameOf(p, "lost"))
	require.NoError(t, lo.Close())
	_, err = lo.Read(p, batch[:])
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = lo.Write(batch[:0])
	require.True(t, errors.Is(err, net.ErrClosed))
	requireBalance(t, p)
}

func TestAPipeCarriesConcurrentTrafficWithoutLosingAFrame(t *testing.T) {
	const frames = 5000
	p, q := skb.NewPool(nil), skb.NewPool(nil)
	a, b := Pipe(1500)
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for i := 0; i < frames; {
			f := frameOf(p, string(rune('a'+i%26)))
			n, err := a.Write([]*skb.Buffer{f})
			f.Consume()
			if err != nil {
				return
			}
			i += n
		}
	}()
	for i := 0; i < frames; {
		for _, s := range readTexts(t, b, q) {
			require.Equal(t, string(rune('a'+i%26)), s)
			i++
		}
	}
	wg.Wait()
	requireBalance(t, p)
	requireBalance(t, q)
}
