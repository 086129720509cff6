package main

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// socksServer is a SOCKS5 proxy (RFC 1928) on the machine's loopback that has
// every destination be where dial leads.
func socksServer(t *testing.T, dial func(to netip.AddrPort) (net.Conn, error)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serveSocks(c, dial)
			}()
		}
	}()
	return l.Addr().String()
}

// serveSocks speaks the protocol: the methods, the request, the answer.
func serveSocks(c net.Conn, dial func(to netip.AddrPort) (net.Conn, error)) {
	var hello [3]byte // version, one method, no authentication
	if _, err := io.ReadFull(c, hello[:]); err != nil {
		return
	}
	_, _ = c.Write([]byte{5, 0})
	var request [10]byte // version, connect, reserved, IPv4, address, port
	if _, err := io.ReadFull(c, request[:]); err != nil {
		return
	}
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte(request[4:8])), binary.BigEndian.Uint16(request[8:]))
	far, err := dial(to)
	if err != nil {
		_, _ = c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0}) // connection refused
		return
	}
	defer far.Close()
	_, _ = c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	join(c, far)
}
