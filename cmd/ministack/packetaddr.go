package main

import (
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/slankdev/ministack/control"
	"github.com/slankdev/ministack/socket"
)

// destination is the address that --to and --proto make.
func (f *packetSendFlags) destination() (socket.LinkAddr, error) {
	mac, err := net.ParseMAC(f.to)
	if err != nil || len(mac) != 6 {
		return socket.LinkAddr{}, usage("--to %q: with --type dgram a MAC address is wanted, such as 02:00:00:00:00:09", f.to)
	}
	proto, err := etherType(f.proto)
	if err != nil {
		return socket.LinkAddr{}, err
	}
	a := socket.LinkAddr{Protocol: uint16(proto), HaLen: 6}
	copy(a.Addr[:], mac)
	return a, nil
}

// readHex reads bytes as people write them: with spaces, colons, or neither.
func readHex(words []string) ([]byte, error) {
	text := strings.NewReplacer(" ", "", ":", "", "0x", "").Replace(strings.Join(words, ""))
	p, err := hex.DecodeString(text)
	if err != nil {
		return nil, usage("the bytes: %v", err)
	}
	return p, nil
}

// indexOf asks the stack for the number of a device.
func indexOf(c *control.Client, dev string) (int, error) {
	links, err := c.Links()
	if err != nil {
		return 0, err
	}
	for _, l := range links {
		if l.Name == dev {
			return l.Index, nil
		}
	}
	return 0, fmt.Errorf("no device called %q: %w", dev, syscall.ENODEV)
}
