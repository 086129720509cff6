package netstack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.zx2c4.com/wireguard/tun"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

// batch is how many packets one call moves at most.
const batch = 64

// tunnel is the far end of the stack's device: a pipe of bare IP packets as a
// tun.Device.
type tunnel struct {
	stack  *ministack.Stack
	end    netdev.Driver
	pool   *skb.Pool
	events chan tun.Event
	closed sync.Once
	rx, tx [batch]*skb.Buffer
	txLock sync.Mutex
}

func newTunnel(s *ministack.Stack, mtu int) (tun.Device, error) {
	if mtu < 68 || mtu > 65535 {
		return nil, fmt.Errorf("MTU %d: %w", mtu, syscall.EINVAL)
	}
	near, far := netdev.PipeWith(netdev.PipeOptions{MTU: mtu, NoLink: true})
	if _, err := s.Attach(near, deviceName); err != nil {
		return nil, err
	}
	t := &tunnel{stack: s, end: far, pool: skb.NewPool(nil), events: make(chan tun.Event, 1)}
	t.events <- tun.EventUp
	return t, nil
}

// File returns nil: there is none.
func (t *tunnel) File() *os.File { return nil }

// Name returns the name that wireguard's own netstack has.
func (t *tunnel) Name() (string, error) { return "go", nil }

// MTU returns the tunnel's MTU, in bytes.
func (t *tunnel) MTU() (int, error) { return t.end.MTU(), nil }

// Events says at once that the tunnel is up, and is closed with it.
func (t *tunnel) Events() <-chan tun.Event { return t.events }

// BatchSize returns how many packets a call should have room for.
func (t *tunnel) BatchSize() int { return batch }

// Read hands out packets that the stack sent. One that is too long for its
// buffer is cut off.
func (t *tunnel) Read(bufs [][]byte, sizes []int, offset int) (int, error) {
	n, err := t.end.Read(t.pool, t.rx[:min(len(bufs), batch)])
	for i, b := range t.rx[:n] {
		sizes[i] = b.CopyOut(0, bufs[i][offset:])
		b.Consume()
	}
	return n, gone(err)
}

// Write gives the stack packets that came in. What its queue does not hold is
// lost, as on any link.
func (t *tunnel) Write(bufs [][]byte, offset int) (int, error) {
	t.txLock.Lock()
	defer t.txLock.Unlock()
	for i := 0; i < len(bufs); i += batch {
		if err := t.write(bufs[i:min(i+batch, len(bufs))], offset); err != nil {
			return i, gone(err)
		}
	}
	return len(bufs), nil
}

func (t *tunnel) write(bufs [][]byte, offset int) error {
	for i, p := range bufs {
		b := t.pool.New(len(p) - offset)
		b.Append(p[offset:])
		t.tx[i] = b
	}
	_, err := t.end.Write(t.tx[:len(bufs)])
	for _, b := range t.tx[:len(bufs)] {
		b.Consume()
	}
	return err
}

// Close closes the stack, which ends a Read that waits.
func (t *tunnel) Close() error {
	err := error(os.ErrClosed)
	t.closed.Do(func() {
		err = errors.Join(t.stack.Close(), t.end.Close())
		close(t.events)
	})
	return err
}

// gone makes of a closed pipe's errors what a closed tun.Device returns.
func gone(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ENETDOWN) {
		return os.ErrClosed
	}
	return err
}
