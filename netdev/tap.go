package netdev

// TAPOptions says how OpenTAP opens an interface; the zero value is right for
// most.
type TAPOptions struct {
	// MTU of the interface in bytes; 0 leaves it as it is.
	MTU int
	// Owner is the user id that may open the interface again without
	// CAP_NET_ADMIN; 0 leaves it as it is. Linux only.
	Owner int
	// Plain asks for frames without metadata, as systems without
	// IFF_VNET_HDR have them: checksums finished and nothing above the MTU.
	Plain bool
	// NoIOUring has each frame moved by a system call of its own also where
	// several can be by one, io_uring_enter(2); for systems that watch or stop
	// programs which use io_uring. Linux only.
	NoIOUring bool
}
