package control

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/slankdev/ministack"
)

// Server answers for one stack.
type Server struct {
	name    string
	stack   *ministack.Stack
	http    http.Server
	tracing chan struct{} // held by the client that traces
	ends    sync.Once
	ended   chan struct{} // closed when a client asks for the end

	mu      sync.Mutex
	closed  bool
	streams map[net.Conn]struct{} // hijacked connections
	waiting map[string]net.Conn   // accepted, by token
	tokens  int
	wg      sync.WaitGroup // goroutines of streams and of the server
}

// Serve answers requests that come by l until Close. name is what the stack is
// called.
func Serve(l net.Listener, s *ministack.Stack, name string) *Server {
	v := &Server{name: name, stack: s, ended: make(chan struct{}), tracing: make(chan struct{}, 1), streams: map[net.Conn]struct{}{}, waiting: map[string]net.Conn{}}
	v.http.Handler = v.routes()
	v.http.ReadHeaderTimeout = 10 * time.Second
	v.wg.Add(1)
	go func() {
		defer v.wg.Done()
		_ = v.http.Serve(l) // it ends with Close; there is nothing else to do
	}()
	return v
}

func (v *Server) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /status", v.get(func(*http.Request) (any, error) { return Status{v.name, os.Getpid()}, nil }))
	m.HandleFunc("GET /links", v.get(func(*http.Request) (any, error) { return v.links(), nil }))
	m.HandleFunc("GET /routes", v.get(func(*http.Request) (any, error) { return v.routeList(), nil }))
	m.HandleFunc("GET /neighbours", v.get(func(*http.Request) (any, error) { return v.neighbours(), nil }))
	m.HandleFunc("GET /sockets", v.get(func(*http.Request) (any, error) { return v.sockets(), nil }))
	m.HandleFunc("GET /counters", v.get(func(*http.Request) (any, error) { return v.counters(), nil }))
	m.HandleFunc("GET /sysctl", v.get(v.settings))
	m.HandleFunc("GET /why", v.get(v.why))
	m.HandleFunc("POST /addr", change(v.changeAddr))
	m.HandleFunc("POST /route", change(v.changeRoute))
	m.HandleFunc("POST /neighbour", change(v.changeNeighbour))
	m.HandleFunc("POST /sysctl", change(func(s *Setting) error { return v.stack.SetSysctl(s.Name, s.Value) }))
	m.HandleFunc("POST /shutdown", v.shutdown)
	m.HandleFunc("POST /ping", stream(v.ping))
	m.HandleFunc("POST /trace", stream(v.trace))
	m.HandleFunc("POST /probe", stream(v.probe))
	m.HandleFunc("POST /socket", v.session)
	m.HandleFunc("POST /dial", v.dial)
	m.HandleFunc("POST /listen", v.listen)
	m.HandleFunc("POST /accept", v.accept)
	return m
}

// Ended is closed when a client asked the stack to end.
func (v *Server) Ended() <-chan struct{} { return v.ended }

// shutdown answers before it asks for the end, which may take the connection
// with it.
func (v *Server) shutdown(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNoContent)
	_ = http.NewResponseController(w).Flush() // the client has gone: nobody to tell
	v.ends.Do(func() { close(v.ended) })
}

// Close stops answering and returns when no handler is left.
func (v *Server) Close() error {
	err := v.http.Close()
	v.mu.Lock()
	v.closed = true
	for c := range v.streams {
		_ = c.Close() // its handler ends by that
	}
	v.mu.Unlock()
	v.wg.Wait()
	return err
}

// get answers with what fn returns.
func (v *Server) get(fn func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x, err := fn(r)
		if err != nil {
			fail(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(x) // the client has gone: nobody to tell
	}
}

// maxRequest bounds a request's body in bytes.
const maxRequest = 1 << 20

// read decodes a request's body.
func read(w http.ResponseWriter, r *http.Request, x any) error {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(x); err != nil {
		return fmt.Errorf("request: %v: %w", err, syscall.EINVAL)
	}
	return nil
}

// change makes a handler of a function that changes the stack.
func change[T any](fn func(*T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := new(T)
		err := read(w, r, x)
		if err == nil {
			err = fn(x)
		}
		if err != nil {
			fail(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// stream makes a handler of a function that answers as things happen. What it
// returns is an error only before the first answer.
func stream[T any](fn func(r *http.Request, x *T, answer func(any) error) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		x := new(T)
		if err := read(w, r, x); err != nil {
			fail(w, err)
			return
		}
		begun := false
		e, flush := json.NewEncoder(w), http.NewResponseController(w)
		err := fn(r, x, func(answer any) error {
			begun = true
			if err := e.Encode(answer); err != nil {
				return err
			}
			return flush.Flush()
		})
		if err != nil && !begun {
			fail(w, err)
		}
	}
}
