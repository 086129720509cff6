package ministack

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/slankdev/ministack/socket"
)

var errClosed = net.ErrClosed

// opError makes of a socket's error what package net would: an *net.OpError
// that unwraps to the errno, to net.ErrClosed or to os.ErrDeadlineExceeded.
func opError(op, network string, s *socket.Socket, source, addr net.Addr, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	switch {
	case errors.Is(err, syscall.EBADF):
		err = net.ErrClosed
	case errors.Is(err, syscall.EAGAIN) && s != nil && late(op, s):
		err = os.ErrDeadlineExceeded
	case errors.As(err, new(syscall.Errno)):
		err = os.NewSyscallError(callOf(op), err)
	}
	return &net.OpError{Op: op, Net: network, Source: source, Addr: addr, Err: err}
}

// callOf is the system call that an operation of package net stands for.
func callOf(op string) string {
	switch op {
	case "dial":
		return "connect"
	case "set":
		return "setsockopt"
	}
	return op
}

// late reports whether the deadline of the operation has passed.
func late(op string, s *socket.Socket) bool {
	read, write := s.Deadlines()
	if op == "read" || op == "accept" {
		return read
	}
	return write
}
