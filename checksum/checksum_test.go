package checksum

import (
	"encoding/binary"
	"math/rand"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// byTheBook is RFC 1071's own definition, a word at a time.
func byTheBook(p []byte) uint16 {
	var sum uint32
	for i := 0; i < len(p); i++ {
		if i&1 == 0 {
			sum += uint32(p[i]) << 8
		} else {
			sum += uint32(p[i])
		}
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// RFC 1071 3: the worked example.
func TestSumIsTheExampleOfRFC1071(t *testing.T) {
	require.Equal(t, uint16(0xddf2), Sum(0, []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}))
}

// same treats the two zeros of one's complement as one.
func same(a, b uint16) bool { return a == b || a%0xffff == 0 && b%0xffff == 0 }

// RFC 1071 2.
func TestSumIsTheDefinitionAtEveryLengthAndAlignment(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	buf := make([]byte, 2000)
	r.Read(buf)
	for n := 0; n < 300; n++ {
		for off := 0; off < 9; off++ {
			require.True(t, same(byTheBook(buf[off:off+n]), Sum(0, buf[off:off+n])), "length %d offset %d", n, off)
		}
	}
	for i := range buf {
		buf[i] = 0xff
	}
	require.True(t, same(byTheBook(buf), Sum(0, buf)), "carries")
}

func TestPiecesSumToTheWhole(t *testing.T) {
	r := rand.New(rand.NewSource(2))
	buf := make([]byte, 500)
	r.Read(buf)
	for cut := range buf {
		got := SumAt(SumAt(0, 0, buf[:cut]), cut, buf[cut:])
		require.True(t, same(Sum(0, buf), got), "cut at %d", cut)
	}
}

// RFC 1624 3, equation 3.
func TestUpdateIsTheSameAsSummingAgain(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	buf := make([]byte, 20)
	for i := 0; i < 10000; i++ {
		r.Read(buf)
		binary.BigEndian.PutUint16(buf[10:], 0)
		old := Finish(Sum(0, buf))
		from, to := binary.BigEndian.Uint16(buf[8:]), uint16(r.Uint32())
		binary.BigEndian.PutUint16(buf[8:], to)
		binary.BigEndian.PutUint16(buf[10:], Update(old, from, to))
		require.True(t, Valid(Sum(0, buf)))
	}
}

// RFC 8200 8.1.
func TestPseudoHeaderIsTheSumOfItsFields(t *testing.T) {
	src, dst := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("192.0.2.255")
	book := []byte{10, 1, 2, 3, 192, 0, 2, 255, 0, 6, 0x12, 0x34}
	require.Equal(t, byTheBook(book), PseudoHeader(src, dst, 6, 0x1234))
	book6 := append(append(netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("fe80::ff").AsSlice()...), 0, 1, 0x11, 0x70, 0, 0, 0, 17)
	require.Equal(t, byTheBook(book6), PseudoHeader(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("fe80::ff"), 17, 0x11170))
}

func BenchmarkSum(b *testing.B) {
	p := make([]byte, 1460)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		Sum(0, p)
	}
}
