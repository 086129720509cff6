package uring

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func newRing(t *testing.T, n int) *Ring {
	r, err := New(n)
	if err != nil {
		t.Skipf("no io_uring to be had: %v", err)
	}
	t.Cleanup(r.Close)
	return r
}

// pair is a socket pair that keeps the bounds of messages.
func pair(t *testing.T) (a, b int) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		unix.Close(fds[0])
		unix.Close(fds[1])
	})
	return fds[0], fds[1]
}

func vector(p []byte) []unix.Iovec {
	v := []unix.Iovec{{Base: &p[0]}}
	v[0].SetLen(len(p))
	return v
}

func TestCallsAreDoneInOrderAndTellWhatCameOfThem(t *testing.T) {
	r := newRing(t, 8)
	a, b := pair(t)
	texts := [][]byte{[]byte("one"), []byte("three"), []byte("seven")}
	bufs := [][]byte{make([]byte, 10), make([]byte, 10), make([]byte, 10)}
	for range 20 { // more than once around the queues
		for _, text := range texts {
			r.Writev(a, vector(text))
		}
		require.Equal(t, []int32{3, 5, 5}, r.Do())
		for _, p := range bufs {
			r.Readv(b, vector(p))
		}
		require.Equal(t, []int32{3, 5, 5}, r.Do())
		for i, text := range texts {
			require.Equal(t, text, bufs[i][:len(text)])
		}
	}
}

// Also of a descriptor that blocks nothing is waited for.
func TestWhatWouldWaitFailsAtOnce(t *testing.T) {
	r := newRing(t, 8)
	a, b := pair(t)
	text, buf := []byte("x"), make([]byte, 10)
	r.Writev(a, vector(text))
	require.Equal(t, []int32{1}, r.Do())
	for range 3 {
		r.Readv(b, vector(buf))
	}
	require.Equal(t, []int32{1, -int32(unix.EAGAIN), -int32(unix.EAGAIN)}, r.Do())
}

func TestACallThatFailsDoesNotStopTheOthers(t *testing.T) {
	r := newRing(t, 8)
	a, b := pair(t)
	text := []byte("x")
	r.Writev(a, vector(text))
	r.Writev(-1, vector(text))
	r.Writev(a, vector(text))
	require.Equal(t, []int32{1, -int32(unix.EBADF), 1}, r.Do())
	unix.Close(b)
}

func TestADescriptorThatCannotBeAskedNotToWaitIsRefused(t *testing.T) {
	r := newRing(t, 2)
	fd, err := unix.Open("/proc/self/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	r.Readv(fd, []unix.Iovec{{}})
	require.Equal(t, []int32{-int32(unix.EOPNOTSUPP)}, r.Do())
}

// What the kernel does not take comes back with its error, and is not done later.
func TestCallsOfARingThatIsGoneFail(t *testing.T) {
	r := newRing(t, 8)
	a, b := pair(t)
	text := []byte("x")
	whole := r.fd
	r.fd = -1
	r.Writev(a, vector(text))
	r.Writev(a, vector(text))
	require.Equal(t, []int32{-int32(unix.EBADF), -int32(unix.EBADF)}, r.Do())
	r.fd = whole
	buf := make([]byte, 10)
	r.Readv(b, vector(buf))
	require.Equal(t, []int32{-int32(unix.EAGAIN)}, r.Do())
}

func TestErrorsOfNewAreThoseOfTheSystem(t *testing.T) {
	newRing(t, 1)
	_, err := New(1 << 20)
	require.ErrorIs(t, err, unix.EINVAL)
}

func TestCallsAllocateNothing(t *testing.T) {
	r := newRing(t, 8)
	a, b := pair(t)
	text, buf := vector([]byte("x")), vector(make([]byte, 10))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		r.Writev(a, text)
		r.Readv(b, buf)
		r.Do()
	}))
}
