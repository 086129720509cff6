// Package uring is the part of io_uring(7) that a driver of devices wants:
// several reads or writes that need not wait, in one system call. Where to enter
// the kernel costs more than to move a frame, as under some hypervisors, that
// decides what a device without recvmmsg(2) can do.
//
// Nothing here waits for I/O to become possible, and nothing is under way when a
// call returns; so there are no completions to be matched with their requests
// later, and buffers belong to the kernel only while it is called.
package uring
