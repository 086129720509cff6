package netdev

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// What must be asked of, or done to, an interface of the host: ioctls of
// netdevice(7) on any socket of the right network namespace.

// linkIoctl does one request on the interface name.
func linkIoctl(name string, request uint, fill func(*unix.Ifreq)) (*unix.Ifreq, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if fill != nil {
		fill(ifr)
	}
	return ifr, unix.IoctlIfreq(fd, request, ifr)
}

func linkMTU(name string) (int, error) {
	ifr, err := linkIoctl(name, unix.SIOCGIFMTU, nil)
	if err != nil {
		return 0, fmt.Errorf("cannot read the MTU of %s: %w", name, err)
	}
	return int(ifr.Uint32()), nil
}

func setLinkMTU(name string, mtu int) error {
	_, err := linkIoctl(name, unix.SIOCSIFMTU, func(r *unix.Ifreq) { r.SetUint32(uint32(mtu)) })
	if err != nil {
		return fmt.Errorf("cannot set the MTU of %s to %d: %w", name, mtu, err)
	}
	return nil
}

func linkIndex(name string) (int, error) {
	ifr, err := linkIoctl(name, unix.SIOCGIFINDEX, nil)
	if err != nil {
		return 0, err
	}
	return int(ifr.Uint32()), nil
}

// setLinkUp brings the interface up, leaving its other flags alone.
func setLinkUp(name string) error {
	ifr, err := linkIoctl(name, unix.SIOCGIFFLAGS, nil)
	if err != nil {
		return err
	}
	flags := ifr.Uint16() | unix.IFF_UP
	_, err = linkIoctl(name, unix.SIOCSIFFLAGS, func(r *unix.Ifreq) { r.SetUint16(flags) })
	return err
}
