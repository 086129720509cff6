package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// Client talks to a Server. Its methods return an *Error for what failed on the
// other side.
type Client struct {
	http http.Client
	dial func(context.Context) (net.Conn, error)
}

// NewClient returns a client whose connections dial makes.
func NewClient(dial func(context.Context) (net.Conn, error)) *Client {
	c := &Client{dial: dial}
	c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	return c
}

// Close gives the idle connections up.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// do sends a request; the caller closes the answer's body.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var b io.Reader
	if body != nil {
		p, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		b = bytes.NewReader(p)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://stack"+path, b)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, unwrapURL(err)
	}
	if resp.StatusCode >= 400 {
		defer resp.Body.Close()
		return nil, readError(resp)
	}
	return resp, nil
}

// unwrapURL takes the URL away, which means nothing to a person.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func readError(resp *http.Response) error {
	e := &Error{}
	if err := json.NewDecoder(resp.Body).Decode(e); err != nil || e.Text == "" {
		return fmt.Errorf("the stack answered %s", resp.Status)
	}
	return e
}

// get asks for x.
func (c *Client) get(path string, x any) error {
	resp, err := c.do(context.Background(), http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return json.NewDecoder(resp.Body).Decode(x)
}

func (c *Client) post(path string, x any) error {
	resp, err := c.do(context.Background(), http.MethodPost, path, x)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Status says who is there.
func (c *Client) Status() (s Status, err error) { return s, c.get("/status", &s) }

// Links returns the devices.
func (c *Client) Links() (l []Link, err error) { return l, c.get("/links", &l) }

// Routes returns the route table.
func (c *Client) Routes() (l []Route, err error) { return l, c.get("/routes", &l) }

// Neighbours returns the neighbour table.
func (c *Client) Neighbours() (l []Neighbour, err error) { return l, c.get("/neighbours", &l) }

// Sockets returns the sockets of TCP and UDP.
func (c *Client) Sockets() (l []Socket, err error) { return l, c.get("/sockets", &l) }

// Counters returns all counters.
func (c *Client) Counters() (l []Counter, err error) { return l, c.get("/counters", &l) }

// Settings returns the sysctl called name, or all for "".
func (c *Client) Settings(name string) (l []Setting, err error) {
	return l, c.get("/sysctl?name="+url.QueryEscape(name), &l)
}

// Why explains what went wrong lately with a peer, or with all for the zero
// Addr.
func (c *Client) Why(peer netip.Addr) (w Why, err error) {
	q := ""
	if peer.IsValid() {
		q = "?peer=" + peer.String()
	}
	return w, c.get("/why"+q, &w)
}

// ChangeAddr, ChangeRoute, ChangeNeighbour and Set change the stack.

// ChangeAddr changes the addresses of a device.
func (c *Client) ChangeAddr(x AddrChange) error { return c.post("/addr", x) }

// ChangeRoute changes the route table.
func (c *Client) ChangeRoute(x RouteChange) error { return c.post("/route", x) }

// ChangeNeighbour changes the neighbour table.
func (c *Client) ChangeNeighbour(x NeighbourChange) error { return c.post("/neighbour", x) }

// Set changes a sysctl.
func (c *Client) Set(name, value string) error { return c.post("/sysctl", Setting{name, value}) }

// Shutdown asks the program that runs the stack to end.
func (c *Client) Shutdown() error { return c.post("/shutdown", struct{}{}) }

// Ping sends echo requests and calls fn for each thing that happens, until the
// run ends or ctx does.
func (c *Client) Ping(ctx context.Context, q PingRequest, fn func(PingEvent)) error {
	return follow(ctx, c, "/ping", q, func(e PingEvent) error { fn(e); return nil })
}

// Trace watches the stack and calls fn with what happens, until ctx ends or fn
// fails.
func (c *Client) Trace(ctx context.Context, q TraceRequest, fn func(TraceBatch) error) error {
	return follow(ctx, c, "/trace", q, fn)
}

// Probe watches the functions that calls and packets pass, until ctx ends or fn
// fails.
func (c *Client) Probe(ctx context.Context, q ProbeRequest, fn func(ProbeBatch) error) error {
	return follow(ctx, c, "/probe", q, fn)
}

// follow reads one answer a line. The end of ctx is no error.
func follow[T any](ctx context.Context, c *Client, path string, q any, fn func(T) error) error {
	resp, err := c.do(ctx, http.MethodPost, path, q)
	if err != nil {
		return unlessDone(ctx, err)
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var x T
		switch err := d.Decode(&x); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return unlessDone(ctx, fmt.Errorf("the stack went away: %w", err))
		}
		if err := fn(x); err != nil {
			return err
		}
	}
}

func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
