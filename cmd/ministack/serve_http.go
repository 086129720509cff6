package main

import (
	"context"
	"net"
	"net/http"
	"time"
)

// httpService serves files.
type httpService struct {
	srv  http.Server
	done chan struct{}
}

func serveFiles(l net.Listener, dir string) *httpService {
	return serveHTTP(l, http.FileServer(http.Dir(dir)))
}

func serveHTTP(l net.Listener, h http.Handler) *httpService {
	s := &httpService{done: make(chan struct{})}
	s.srv.Handler = h
	s.srv.ReadHeaderTimeout = time.Minute
	go func() {
		defer close(s.done)
		_ = s.srv.Serve(l) // it ends with close
	}()
	return s
}

// close lets requests end in order, for a while.
func (s *httpService) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	if s.srv.Shutdown(ctx) != nil {
		_ = s.srv.Close() // their time is up
	}
	<-s.done
}
