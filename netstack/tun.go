package netstack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.zx2c4.com/wireguard/tun"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev/wgtun"
)

// tunnel is the device as who carries its packets has it: with it the stack is
// closed.
type tunnel struct {
	*wgtun.TUN[tun.Event]
	stack *ministack.Stack
}

var _ tun.Device = (*tunnel)(nil)

func newTunnel(s *ministack.Stack, mtu int) (tun.Device, error) {
	if mtu < 68 || mtu > 65535 {
		return nil, fmt.Errorf("MTU %d: %w", mtu, syscall.EINVAL)
	}
	t, d := wgtun.New[tun.Event](wgtun.Options{Name: "go", MTU: mtu}) // the name that wireguard's own has
	if _, err := s.Attach(d, deviceName); err != nil {
		return nil, err
	}
	return &tunnel{t, s}, nil
}

// Close closes the stack and ends a Read or Write that waits. Error:
// os.ErrClosed for one that was closed before.
func (t *tunnel) Close() error {
	if err := t.stack.Close(); errors.Is(err, net.ErrClosed) {
		return os.ErrClosed
	}
	return t.TUN.Close()
}
