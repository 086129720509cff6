package netdev

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/slankdev/ministack/skb"
)

// tap is an Ethernet interface of the kernel whose cable ends here, or, as a
// TUN, one of bare IP packets (Documentation/networking/tuntap.rst). A read or a
// write moves one frame, and one system call does several of them (calls). With
// IFF_VNET_HDR a frame may be a super-segment of 64 KB with its checksum left
// open, in both directions.
type tap struct {
	*pollFD
	name     string
	mtu      int
	features Features
	vnet     bool
	kind     string // TAP or TUN, for messages
	mode     uint16 // IFF_TAP or IFF_TUN
	single   bool   // each frame by a system call of its own

	rx tapRx
	tx *tapTx // of Write

	writers []*tapTx // all, for Close
}

// OpenTAP creates the TAP interface name, or opens it where it exists; an
// empty name has the kernel choose one, which the driver's Name method tells.
// The interface goes when the driver is closed, unless it was made persistent
// by others. Errors wrap the errno: ENOENT, EACCES, EPERM, EBUSY, EINVAL.
func OpenTAP(name string, o TAPOptions) (Driver, error) {
	return openTunTap(&tap{kind: "TAP", mode: unix.IFF_TAP}, name, o)
}

// OpenTUN is OpenTAP for an interface of bare IP packets: there is no link
// header, and no ARP.
func OpenTUN(name string, o TAPOptions) (Driver, error) {
	t := &tap{kind: "TUN", mode: unix.IFF_TUN, features: NoLink}
	return openTunTap(t, name, o)
}

func openTunTap(t *tap, name string, o TAPOptions) (Driver, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, explainTun(err)
	}
	if err := t.setup(fd, name, o); err != nil {
		unix.Close(fd)
		return nil, err
	}
	if t.pollFD, err = newPollFD(fd); err != nil {
		return nil, err
	}
	t.rx.open(t)
	t.places = &t.rx.places
	t.tx = t.newWriter()
	return t, nil
}

func (t *tap) setup(fd int, name string, o TAPOptions) error {
	t.single = o.NoIOUring
	err := t.create(fd, name, !o.Plain)
	if errors.Is(err, unix.EINVAL) && !o.Plain {
		err = t.create(fd, name, false) // a kernel without IFF_VNET_HDR
	}
	if err != nil {
		return t.explain(name, err)
	}
	if t.vnet {
		t.negotiate(fd)
	}
	if o.Owner != 0 {
		if err := unix.IoctlSetInt(fd, unix.TUNSETOWNER, o.Owner); err != nil {
			return fmt.Errorf("cannot give %s interface %s to user %d: %w", t.kind, t.name, o.Owner, err)
		}
	}
	if o.MTU != 0 {
		if err := setLinkMTU(t.name, o.MTU); err != nil {
			return err
		}
	}
	t.mtu, err = linkMTU(t.name)
	return err
}

func (t *tap) create(fd int, name string, vnet bool) error {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	flags := t.mode | unix.IFF_NO_PI
	if vnet {
		flags |= unix.IFF_VNET_HDR
	}
	ifr.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		return err
	}
	t.name, t.vnet = ifr.Name(), vnet
	return nil
}

// negotiate tells the kernel what we take. What it takes from us comes with
// the header.
func (t *tap) negotiate(fd int) {
	t.features |= TxCsum | TSO4 | RxCsum
	// The size is ours by default; an interface that others made may differ.
	_ = unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetLen)
	all := unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO_ECN
	// Linux 6.2 has USO, for both IP versions or none, and takes it from us as well.
	if unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, all|unix.TUN_F_USO4|unix.TUN_F_USO6) == nil {
		t.features |= GRO | USO
		return
	}
	if unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, all) == nil {
		t.features |= GRO
		return
	}
	_ = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM) // else frames come whole
}

// Name returns the interface's name.
func (t *tap) Name() string { return t.name }

func (t *tap) Features() Features { return t.features }

func (t *tap) MTU() int { return t.mtu }

// MAC has the stack make one up: the interface's own is the host's.
func (t *tap) MAC() net.HardwareAddr { return nil }

// Read waits for a frame and then takes what else is there.
func (t *tap) Read(pool *skb.Pool, dst []*skb.Buffer) (int, error) { return readWaiting(t, pool, dst) }

// TryRead takes what is there.
func (t *tap) TryRead(pool *skb.Pool, dst []*skb.Buffer) (int, error) {
	defer t.end()
	if err := t.begin(); err != nil {
		return 0, err
	}
	n, err := t.rx.receive(pool, dst)
	return n, t.readError(err)
}

func (t *tap) readError(err error) error {
	switch {
	case err == nil || errors.Is(err, net.ErrClosed):
		return err
	case err == unix.EBADFD:
		return fmt.Errorf("%s interface %s was removed: %w", t.kind, t.name, err)
	}
	return fmt.Errorf("reading from %s interface %s: %w", t.kind, t.name, err)
}

// NewWriter returns one more that may send at the same time.
func (t *tap) NewWriter() Writer { return t.newWriter() }

func (t *tap) newWriter() *tapTx {
	w := &tapTx{t: t, calls: calls{single: t.single}}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writers = append(t.writers, w)
	return w
}

func (t *tap) Write(src []*skb.Buffer) (int, error) { return t.tx.Write(src) }

// Close ends a blocked Read; the interface goes.
func (t *tap) Close() error {
	err := t.pollFD.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rx.release()
	for _, w := range t.writers {
		w.calls.close()
	}
	return err
}

// explainTun says what to do where /dev/net/tun cannot be opened.
func explainTun(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no /dev/net/tun on this machine: load the tun module (modprobe tun), or in a container pass the device in (--device /dev/net/tun): %w", err)
	case err == unix.ENODEV || err == unix.ENXIO:
		return fmt.Errorf("/dev/net/tun is there but the kernel has no tun driver: load it with modprobe tun: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("not allowed to open /dev/net/tun: be root, or have its mode made 0666: %w", err)
	}
	return fmt.Errorf("cannot open /dev/net/tun: %w", err)
}

// explain says what to do where the interface cannot be had.
func (t *tap) explain(name string, err error) error {
	switch err {
	case unix.EPERM:
		return fmt.Errorf("not allowed to create %s interface %s: it needs CAP_NET_ADMIN; be root, or work in a user and network namespace of your own (unshare -Urn), or have root make it yours (ip tuntap add mode %s user $USER %s): %w",
			t.kind, name, strings.ToLower(t.kind), name, err)
	case unix.EBUSY:
		return fmt.Errorf("%s interface %s is in use by another program: choose another name or stop that program: %w", t.kind, name, err)
	case unix.EINVAL:
		return fmt.Errorf("%q cannot be a %s interface: an interface of another kind has that name, or it is longer than 15 bytes: %w", name, t.kind, err)
	}
	return fmt.Errorf("cannot create %s interface %s: %w", t.kind, name, err)
}
