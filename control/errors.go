package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"syscall"
)

// Error is a failure on the other side. It unwraps to the errno, if it was one.
type Error struct {
	Text  string        `json:"error"`
	Errno syscall.Errno `json:"errno,omitempty"`
}

func (e *Error) Error() string { return e.Text }

func (e *Error) Unwrap() error {
	if e.Errno == 0 {
		return nil
	}
	return e.Errno
}

// errorOf puts an error in the form that crosses.
func errorOf(err error) *Error {
	e := &Error{Text: err.Error()}
	var same *Error
	switch {
	case errors.As(err, &same):
		return same
	case errors.As(err, &e.Errno):
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		e.Errno = syscall.ETIMEDOUT
	}
	return e
}

// fail answers a request with an error.
func fail(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf(err))
	_ = json.NewEncoder(w).Encode(errorOf(err)) // the client has gone: nobody to tell
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, syscall.EEXIST), errors.Is(err, syscall.EBUSY):
		return http.StatusConflict
	case errors.Is(err, syscall.ENOENT), errors.Is(err, syscall.ESRCH), errors.Is(err, syscall.ENODEV):
		return http.StatusNotFound
	case errors.Is(err, syscall.EINVAL):
		return http.StatusBadRequest
	}
	return http.StatusUnprocessableEntity
}
