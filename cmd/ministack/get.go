package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slankdev/ministack/control"
)

type getFlags struct {
	stackFlags
	output, method, data         string
	headers                      []string
	head, verbose, include, fail bool
	follow, silent               bool
	maxTime                      float64
}

func newGet(a *app) *cobra.Command {
	f := &getFlags{}
	cmd := &cobra.Command{
		Use:   "get [flags] URL",
		Short: "Fetch a URL by a stack",
		Long: `get fetches a URL over connections of a stack, with the flags of curl(1). It runs
package net/http over the stack's net.Conn. The host must be an address: a stack
looks up no names.`,
		Example: `  ministack get http://10.9.0.1/
  ministack get -v -o page.html http://10.9.0.1:8080/page.html
  ministack get -I http://10.9.0.1/`,
		Args: exactly(1, "the URL"),
		RunE: func(_ *cobra.Command, args []string) error { return a.get(f, args[0]) },
	}
	f.addToolFlags(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&f.output, "output", "o", "", "write the body to a file")
	fs.BoolVarP(&f.head, "head", "I", false, "ask for the headers only, and print them")
	fs.BoolVarP(&f.include, "include", "i", false, "print the headers as well")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "show the request and the connection on standard error")
	fs.BoolVarP(&f.fail, "fail", "f", false, "status 22 and no body for an HTTP error")
	fs.BoolVarP(&f.follow, "location", "L", false, "follow redirections")
	fs.BoolVarP(&f.silent, "silent", "s", false, "do not say what went wrong")
	fs.StringVarP(&f.method, "request", "X", "", "request method")
	fs.StringVarP(&f.data, "data", "d", "", "send this in a POST; @FILE sends a file, - standard input")
	fs.StringArrayVarP(&f.headers, "header", "H", nil, "header, such as \"Accept: text/html\"; may be repeated")
	fs.Float64VarP(&f.maxTime, "max-time", "m", 0, "seconds for all of it")
	return cmd
}

func (a *app) get(f *getFlags, to string) error {
	r, err := a.request(f, to)
	if err != nil {
		return err
	}
	c, done, err := a.connect(&f.stackFlags)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := a.ctx, context.CancelFunc(func() {})
	if f.maxTime > 0 {
		ctx, cancel = context.WithTimeout(ctx, seconds(f.maxTime))
	}
	defer cancel()
	client := a.httpClient(f, c)
	defer client.CloseIdleConnections()
	resp, err := client.Do(r.WithContext(ctx))
	if err != nil {
		if f.silent {
			return exitCode(curlStatus(err))
		}
		return fmt.Errorf("%s: %s", r.URL.Host, plain(unwrapURL(err)))
	}
	defer resp.Body.Close()
	return a.answer(f, resp)
}

// curlStatus is curl's: 7 for no connection, 28 for too late.
func curlStatus(err error) int {
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return 28
	}
	return 7
}

func unwrapURL(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}

// request makes what is to be asked.
func (a *app) request(f *getFlags, to string) (*http.Request, error) {
	if !strings.Contains(to, "://") {
		to = "http://" + to
	}
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usage("%q is not a URL of http or https", to)
	}
	body, err := a.body(f.data)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(f.verb(), to, body)
	if err != nil {
		return nil, usage("%v", err)
	}
	r.Header.Set("User-Agent", "ministack")
	r.Header.Set("Accept", "*/*")
	for _, h := range f.headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return nil, usage("-H %q: a header is NAME: VALUE", h)
		}
		r.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return r, nil
}

func (f *getFlags) verb() string {
	switch {
	case f.method != "":
		return f.method
	case f.head:
		return http.MethodHead
	case f.data != "":
		return http.MethodPost
	}
	return http.MethodGet
}

func (a *app) body(data string) (io.Reader, error) {
	name, file := strings.CutPrefix(data, "@")
	switch {
	case data == "":
		return nil, nil
	case data == "-" || data == "@-":
		return a.in, nil
	case !file:
		return strings.NewReader(data), nil
	}
	return os.Open(name)
}

func (a *app) httpClient(f *getFlags, c *control.Client) *http.Client {
	t := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := c.DialContext(ctx, "tcp", addr)
		if err == nil && f.verbose {
			fmt.Fprintf(a.err, "* Connected to %s from %s\n", conn.RemoteAddr(), conn.LocalAddr())
		}
		return conn, err
	}}
	client := &http.Client{Transport: t}
	if f.verbose {
		client.Transport = &talker{t, a.err}
	}
	if !f.follow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return client
}

// talker shows requests and answers as curl -v does.
type talker struct {
	t   http.RoundTripper
	out io.Writer
}

func (t *talker) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.t.RoundTrip(r)
	fmt.Fprintf(t.out, "> %s %s HTTP/1.1\n> Host: %s\n", r.Method, r.URL.RequestURI(), r.URL.Host)
	printHeader(t.out, "> ", r.Header)
	if err == nil {
		fmt.Fprintf(t.out, ">\n< %s %s\n", resp.Proto, resp.Status)
		printHeader(t.out, "< ", resp.Header)
		fmt.Fprintln(t.out, "<")
	}
	return resp, err
}

func (t *talker) CloseIdleConnections() { t.t.(*http.Transport).CloseIdleConnections() }
