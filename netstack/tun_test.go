package netstack_test

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.zx2c4.com/wireguard/tun"
)

func TestTheDeviceSaysWhatItIs(t *testing.T) {
	d, _ := create(t, addrA)
	require.Equal(t, tun.Event(tun.EventUp), <-d.Events())
	mtu, err := d.MTU()
	require.NoError(t, err)
	require.Equal(t, 1420, mtu)
	name, err := d.Name()
	require.NoError(t, err)
	require.NotEmpty(t, name)
	require.Nil(t, d.File())
	require.NoError(t, d.Close())
	_, open := <-d.Events()
	require.False(t, open)
}

// Close ends every call that waits, on both sides of the device.
func TestCloseWakesEverybody(t *testing.T) {
	d, n := create(t, addrA)
	l, err := n.ListenTCPAddrPort(at(addrA, 80))
	require.NoError(t, err)
	p, err := n.ListenUDPAddrPort(at(addrA, 80))
	require.NoError(t, err)
	ended := make(chan error, 4)
	wait := func(call func() error) { go func() { ended <- call() }() }
	wait(func() error { _, err := l.Accept(); return err })
	wait(func() error { _, err := p.Read(make([]byte, 1)); return err })
	wait(func() error { _, err := n.DialTCPAddrPort(at(addrB, 80)); return err })
	wait(func() error {
		for { // what the dial sends, then the end
			if _, err := d.Read([][]byte{make([]byte, 1500)}, []int{0}, 0); err != nil {
				if errors.Is(err, os.ErrClosed) {
					err = net.ErrClosed
				}
				return err
			}
		}
	})
	require.NoError(t, d.Close())
	for range 4 {
		require.ErrorIs(t, <-ended, net.ErrClosed)
	}
	_, err = d.Write([][]byte{make([]byte, 20)}, 0)
	require.ErrorIs(t, err, os.ErrClosed)
	_, err = d.Read([][]byte{make([]byte, 1500)}, []int{0}, 0)
	require.ErrorIs(t, err, os.ErrClosed)
	require.ErrorIs(t, d.Close(), os.ErrClosed, "closed once")
	_, err = n.Dial("tcp", "10.1.0.2:80")
	require.ErrorIs(t, err, net.ErrClosed)
}

// What is no IP packet, or is cut short, is dropped by the stack.
func TestNonsenseFromTheTunnel(t *testing.T) {
	d, n := create(t, addrA)
	_, err := d.Write([][]byte{{}, {0x45}, make([]byte, 2000), {0x60, 1, 2, 3}}, 0)
	require.NoError(t, err)
	require.NoError(t, d.Close())
	require.Zero(t, n.Stack().Pool().Count().Live)
}
