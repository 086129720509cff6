package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/slankdev/ministack/control"
)

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// statusOf is the exit status of an error: 2 for a mistake in the command line.
func statusOf(err error) int {
	var u *usageError
	if errors.As(err, &u) {
		return 2
	}
	return 1
}

// explain says what is wrong and, where that is known, what to do.
func explain(err error) string {
	text := err.Error()
	if hint := hintFor(err); hint != "" && !strings.Contains(text, hint) {
		text += "\n  " + hint
	}
	return text
}

func hintFor(err error) string {
	switch {
	case errors.Is(err, control.ErrNoStack):
		return "start one with: ministack run --dev tap:ms0 --host-addr 10.9.0.1/24 --addr 10.9.0.2/24\n" +
			"  or give this command a stack of its own with --dev and --addr"
	case errors.Is(err, syscall.EADDRINUSE) && strings.HasPrefix(err.Error(), "cannot serve"):
		return "another --serve has the port"
	case errors.Is(err, os.ErrPermission) && strings.Contains(err.Error(), ".sock"):
		return "the control socket belongs to another user: become that user, or root"
	}
	return ""
}

// plain is an error as tools print it: the errno's text, without the call that
// it came from.
func plain(err error) string {
	var errno syscall.Errno
	var far *control.Error
	switch {
	case errors.As(err, &errno):
		return capitalize(errno.Error())
	case errors.As(err, &far):
		return far.Text
	case errors.Is(err, net.ErrClosed):
		return "Connection closed"
	}
	return err.Error()
}

func capitalize(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
