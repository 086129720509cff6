package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/slankdev/ministack"
)

// Where stacks are found: a unix socket called NAME.sock in a directory that
// only its owner may enter.

const suffix = ".sock"

// Dir is the directory of control sockets: under $XDG_RUNTIME_DIR, or under
// /run for root, or else in the directory of temporary files.
func Dir() string {
	if d := os.Getenv("XDG_RUNTIME_DIR"); d != "" {
		return filepath.Join(d, "ministack")
	}
	if os.Geteuid() == 0 {
		if st, err := os.Stat("/run"); err == nil && st.IsDir() {
			return "/run/ministack"
		}
	}
	return filepath.Join(os.TempDir(), "ministack-"+strconv.Itoa(os.Getuid()))
}

// Path returns the socket of the stack called name.
func Path(name string) string { return filepath.Join(Dir(), name+suffix) }

// MakeDir makes Dir, for its owner only. Error: EPERM if it belongs to another.
func MakeDir() error {
	dir := Dir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return checkOwner(dir)
}

// Names returns the names of the stacks that answer.
func Names() []string {
	files, _ := filepath.Glob(Path("*"))
	var names []string
	for _, f := range files {
		if alive(f) {
			names = append(names, strings.TrimSuffix(filepath.Base(f), suffix))
		}
	}
	sort.Strings(names)
	return names
}

// alive reports whether somebody answers at a socket.
func alive(path string) bool {
	c, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// Listen makes a control socket of mode 0600 at path. A socket that nobody
// answers at is replaced. Errors: EADDRINUSE where somebody does, EEXIST where
// path is something else.
func Listen(path string) (net.Listener, error) {
	if st, err := os.Lstat(path); err == nil {
		if st.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("%s exists and is not a socket: %w", path, syscall.EEXIST)
		}
		if alive(path) {
			return nil, fmt.Errorf("a stack answers at %s already: %w", path, syscall.EADDRINUSE)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	return listenPrivate(path)
}

// listenPrivate makes the socket in a directory that nobody else may enter, and
// moves it when its mode is right, so that there is no moment at which others
// could connect.
func listenPrivate(path string) (net.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".ministack-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	first := filepath.Join(dir, "s")
	l, err := net.Listen("unix", first)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err = os.Chmod(first, 0o600); err == nil {
		err = os.Rename(first, path)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	return &socketFile{l, path}, nil
}

// socketFile is a listener that removes its file.
type socketFile struct {
	net.Listener
	path string
}

func (s *socketFile) Close() error {
	err := s.Listener.Close()
	if err == nil {
		err = os.Remove(s.path)
	}
	return err
}

// ErrNoStack is returned by Dial where no stack answers.
var ErrNoStack = errors.New("no running stack")

// Dial returns a client of the stack at path. Error: ErrNoStack.
func Dial(path string) (*Client, error) {
	c := NewClient(func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	})
	if _, err := c.Status(); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return nil, err
		}
		return nil, fmt.Errorf("%w at %s", ErrNoStack, path)
	}
	return c, nil
}

// Local returns a client of a stack in this process, and a server to close.
func Local(s *ministack.Stack) (*Client, *Server) {
	l := newPipeListener()
	v := Serve(l, s, "")
	return NewClient(l.dial), v
}
