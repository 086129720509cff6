package netdev

import (
	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// tapRx is the receiving half of a TAP.
type tapRx struct {
	t      *tap
	calls  calls
	places places
	last   int // octets of the last frame
}

// leastOfTAP finds in one call that one frame was all.
const leastOfTAP = 2

func (r *tapRx) open(t *tap) {
	r.t, r.calls.single = t, t.single
	r.places = newPlaces(maxCalls, leastOfTAP, t.vnet, t.features.Has(NoLink))
}

// receive takes what is there without waiting, until it is rxBudget octets or
// dst is full.
func (r *tapRx) receive(pool *skb.Pool, dst []*skb.Buffer) (n int, err error) {
	for octets, more := 0, true; more && err == nil && n < len(dst) && octets < rxBudget; {
		r.ask(pool, min(len(dst)-n, r.fits(rxBudget-octets)))
		var got int
		got, more, err = r.take(pool, dst[n:])
		for _, b := range dst[n : n+got] {
			r.last = b.Len()
			octets += r.last
		}
		n += got
	}
	return n, err
}

// fits is how many frames like the last make so many octets.
func (r *tapRx) fits(octets int) int { return 1 + octets/max(r.last, 1) }

// ask makes ready for up to most frames.
func (r *tapRx) ask(pool *skb.Pool, most int) {
	for i := range r.places.ask(most) {
		r.calls.add(r.places.at(i, pool))
	}
}

// take reads what was asked for into dst. It reports whether there was as much.
func (r *tapRx) take(pool *skb.Pool, dst []*skb.Buffer) (n int, more bool, err error) {
	frames, asked := 0, r.calls.n
	for i, res := range r.calls.read(r.t.fd) {
		if res < 0 {
			err = tapError(err, unix.Errno(-res))
			continue
		}
		frames++
		if b := r.places.frame(i, pool, int(res)); b != nil {
			dst[n] = b
			n++
		}
	}
	return n, r.places.got(frames, asked), err
}

// tapError is what ends the device: not that there is no frame.
func tapError(err error, errno unix.Errno) error {
	if err != nil || errno == unix.EAGAIN || errno == unix.EINTR {
		return err
	}
	return errno
}

func (r *tapRx) release() {
	r.calls.close()
	r.places.release()
}
