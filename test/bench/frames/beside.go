package frames

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// onlyOwn has a station beside others see what is sent to its own link address,
// and ARP. Without it, it would be given a copy of all that passes the link, which
// costs the machine what it is there to measure.
func (d *Device) onlyOwn() error {
	const (
		word, half = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		equal, ret = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	)
	filter := []unix.SockFilter{
		{Code: word, K: 0},
		{Code: equal, K: binary.BigEndian.Uint32(d.mac), Jf: 2},
		{Code: half, K: 4},
		{Code: equal, K: uint32(binary.BigEndian.Uint16(d.mac[4:])), Jt: 3},
		{Code: half, K: 12},
		{Code: equal, K: typeARP, Jt: 1},
		{Code: ret, K: 0},
		{Code: ret, K: 1 << 18}, // more than any frame
	}
	return unix.SetsockoptSockFprog(d.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}
