package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/examples/internal/lan"
)

// A client whose only way out is the forwarder's stack fetches a page from an
// address that exists nowhere but behind the proxy.
func TestConnectionsGoThroughTheProxy(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s got %q", r.Host, body)
	}))
	defer web.Close()
	var mu sync.Mutex
	var asked []string
	socks := socksServer(t, func(to netip.AddrPort) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, to.String())
		if to.Port() != 80 {
			return nil, syscall.ECONNREFUSED
		}
		return net.Dial("tcp", web.Listener.Addr().String())
	})
	client, gateway, err := lan.New(ministack.Config{})
	require.NoError(t, err)
	defer client.Close()
	defer gateway.Close()
	require.NoError(t, client.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), lan.Server, ""))
	require.NoError(t, forward(gateway, socks))

	c := http.Client{Transport: &http.Transport{DialContext: client.DialContext}}
	defer c.CloseIdleConnections()
	resp, err := c.Post("http://203.0.113.80/", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, `203.0.113.80 got "hello"`, string(body))

	_, err = client.Dial("tcp", "203.0.113.80:81")
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "what the proxy cannot reach was never accepted")
	require.Equal(t, []string{"203.0.113.80:80", "203.0.113.80:81"}, asked)
}
