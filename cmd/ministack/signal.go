package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// notifyAgain returns a context that ends with the next signal: the one by
// which a user says that he meant it.
func notifyAgain() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}
