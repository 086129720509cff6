package uring

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What is used of <linux/io_uring.h>.
const (
	opReadv  = 1
	opWritev = 2

	offSQRing = 0
	offSQEs   = 0x10000000

	featSingleMmap = 1 << 0 // both rings are one mapping, Linux 5.4

	enterGetEvents = 1 << 0

	rwfNowait = 8 // RWF_NOWAIT of preadv2(2): O_NONBLOCK alone would have the ring wait
)

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq, cq                                                                 offsets
}

// offsets are those of struct io_sqring_offsets and, but for names, of struct
// io_cqring_offsets.
type offsets struct {
	head, tail, ringMask, ringEntries uint32
	flags, dropped, array             uint32 // of the completion queue: overflow, cqes, flags
	_                                 uint32
	_                                 uint64
}

func (o *offsets) cqes() uint32 { return o.dropped }

// request is struct io_uring_sqe as reads and writes have it.
type request struct {
	opcode   byte
	_        [3]byte // flags, ioprio
	fd       int32
	_        uint64 // off
	addr     uint64
	len      uint32
	rwFlags  uint32
	userData uint64
	_        [3]uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	userData uint64
	res      int32
	_        uint32 // flags
}

// Ring takes calls until Do has the kernel do them. It belongs to one goroutine
// at a time.
type Ring struct {
	fd               int
	rings, requested []byte // mappings
	sqTail           *uint32
	cqHead, cqTail   *uint32
	requests         []request
	completions      []completion
	results          []int32        // of the calls that were added, in their order
	vectors          [][]unix.Iovec // theirs: the garbage collector does not look into requests
}

// New makes a ring for up to n calls at once. Errors are those of
// io_uring_setup(2), among them ENOSYS, and EPERM where the system forbids it.
func New(n int) (*Ring, error) {
	var p params
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(n), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, os.NewSyscallError("io_uring_setup", errno)
	}
	r := &Ring{fd: int(fd), results: make([]int32, 0, n), vectors: make([][]unix.Iovec, 0, n)}
	if err := r.mapQueues(&p); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// mapQueues makes the queues, which are the kernel's memory, ours too.
func (r *Ring) mapQueues(p *params) (err error) {
	if p.features&featSingleMmap == 0 {
		return os.NewSyscallError("io_uring_setup", unix.ENOSYS)
	}
	size := max(p.sq.array+4*p.sqEntries, p.cq.cqes()+uint32(unsafe.Sizeof(completion{}))*p.cqEntries)
	if r.rings, err = r.mmap(offSQRing, uintptr(size)); err != nil {
		return err
	}
	if r.requested, err = r.mmap(offSQEs, unsafe.Sizeof(request{})*uintptr(p.sqEntries)); err != nil {
		return err
	}
	r.sqTail = at[uint32](r.rings, p.sq.tail)
	r.cqHead, r.cqTail = at[uint32](r.rings, p.cq.head), at[uint32](r.rings, p.cq.tail)
	r.requests = unsafe.Slice(at[request](r.requested, 0), p.sqEntries)
	r.completions = unsafe.Slice(at[completion](r.rings, p.cq.cqes()), p.cqEntries)
	order := unsafe.Slice(at[uint32](r.rings, p.sq.array), p.sqEntries)
	for i := range order {
		order[i] = uint32(i) // request i has place i, always
	}
	return nil
}

func (r *Ring) mmap(off int64, size uintptr) ([]byte, error) {
	m, err := unix.Mmap(r.fd, off, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE)
	return m, os.NewSyscallError("mmap", err)
}

// at is the T at an offset of a mapping, which the kernel keeps aligned.
func at[T any](m []byte, off uint32) *T { return (*T)(unsafe.Pointer(&m[off])) }

// Readv adds a readv(2), Writev a writev(2) that does not wait: EAGAIN is its result
// where it would, EOPNOTSUPP where the descriptor's kind cannot be asked not to.
// The kernel has iov, and what it points to, until Do returns.
func (r *Ring) Readv(fd int, iov []unix.Iovec) { r.add(opReadv, fd, iov) }

// Writev: see Readv.
func (r *Ring) Writev(fd int, iov []unix.Iovec) { r.add(opWritev, fd, iov) }

func (r *Ring) add(opcode byte, fd int, iov []unix.Iovec) {
	place := (*r.sqTail + uint32(len(r.results))) & uint32(len(r.requests)-1)
	r.requests[place] = request{
		opcode: opcode, fd: int32(fd),
		addr: uint64(uintptr(unsafe.Pointer(&iov[0]))), len: uint32(len(iov)),
		rwFlags: rwfNowait, userData: uint64(len(r.results)),
	}
	r.results, r.vectors = append(r.results, 0), append(r.vectors, iov)
}

// Do has the calls done that were added, in their order, and returns what came
// of each: the number of bytes, or a negative errno. What it returns is good
// until the next call is added.
func (r *Ring) Do() []int32 {
	n := uint32(len(r.results))
	atomic.StoreUint32(r.sqTail, *r.sqTail+n)
	for left, waiting := n, n; waiting > 0; waiting -= r.reap() {
		took, errno := enter(r.fd, left, waiting)
		if left -= took; errno != 0 && errno != unix.EINTR {
			waiting -= r.refuse(left, errno)
			left = 0
		}
	}
	done := r.results
	clear(r.vectors)
	r.results, r.vectors = r.results[:0], r.vectors[:0]
	return done
}

// reap takes completions and returns how many there were.
func (r *Ring) reap() uint32 {
	head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
	for i := head; i != tail; i++ {
		c := &r.completions[i&uint32(len(r.completions)-1)]
		r.results[c.userData] = c.res
	}
	atomic.StoreUint32(r.cqHead, tail)
	return tail - head
}

// refuse takes back the last n calls, which the kernel did not take.
func (r *Ring) refuse(n uint32, errno syscall.Errno) uint32 {
	atomic.StoreUint32(r.sqTail, *r.sqTail-n)
	refused := r.results[len(r.results)-int(n):]
	for i := range refused {
		refused[i] = -int32(errno)
	}
	return n
}

// enter is io_uring_enter(2): submit so many calls and wait until so many are
// done, which they are when it comes to that. The runtime is not told, as with
// the calls themselves.
func enter(fd int, submit, done uint32) (uint32, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(fd), uintptr(submit), uintptr(done), enterGetEvents, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return uint32(n), 0
}

// Close gives the ring back. Nobody may use it then.
func (r *Ring) Close() {
	for _, m := range [][]byte{r.rings, r.requested} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	_ = unix.Close(r.fd)
}
