package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

var (
	first  = netip.MustParseAddr("10.0.0.2")
	second = netip.MustParseAddr("10.0.0.3")
	answer = netip.MustParseAddr("192.0.2.80")
	zone   = map[string]netip.Addr{"www.example.com.": answer, "www.": netip.MustParseAddr("192.0.2.1")}
)

// RFC 1035 4.2: a question goes out over UDP, and again over TCP if the answer
// was cut short.
func TestANameIsLookedUpOverTheStack(t *testing.T) {
	for _, cut := range []bool{false, true} {
		client, servers := pair(t)
		n := serve(t, servers, "10.0.0.2", &nameServer{zone: zone, cut: cut})
		addrs, err := New(client, first).LookupHost(t.Context(), "www.example.com")
		require.NoError(t, err)
		require.Equal(t, []string{"192.0.2.80"}, addrs)
		want := []string{"udp TypeA www.example.com."}
		if cut {
			want = append(want, "tcp TypeA www.example.com.")
		}
		require.Equal(t, want, n.questions())
	}
}

func TestASearchDomainIsNotTried(t *testing.T) {
	client, servers := pair(t)
	n := serve(t, servers, "10.0.0.2", &nameServer{zone: zone})
	r := New(client, first)
	addrs, err := r.LookupNetIP(t.Context(), "www")
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{zone["www."]}, addrs)
	_, err = r.LookupNetIP(t.Context(), "nowhere")
	require.ErrorContains(t, err, "no such host")
	require.Equal(t, []string{"udp TypeA www.", "udp TypeA nowhere."}, n.questions())
}

func TestTheNextServerIsAskedWhereOneFails(t *testing.T) {
	for _, c := range []struct {
		name  string
		first *nameServer // nil: nobody listens
	}{{"refused", nil}, {"failing", &nameServer{rcode: dnsmessage.RCodeServerFailure}}} {
		t.Run(c.name, func(t *testing.T) {
			client, servers := pair(t)
			if c.first != nil {
				serve(t, servers, "10.0.0.2", c.first)
			}
			serve(t, servers, "10.0.0.3", &nameServer{zone: zone})
			addrs, err := New(client, first, second).LookupNetIP(t.Context(), "www.example.com")
			require.NoError(t, err)
			require.Equal(t, []netip.Addr{answer}, addrs)
		})
	}
}

// A server that takes questions and never answers.
func TestASilentServerIsPassedOver(t *testing.T) {
	client, servers := pair(t)
	_, err := servers.ListenPacket("udp", "10.0.0.2:53")
	require.NoError(t, err)
	serve(t, servers, "10.0.0.3", &nameServer{zone: zone})
	r := New(client, first, second)
	r.patience = 50 * time.Millisecond
	addrs, err := r.LookupNetIP(t.Context(), "www.example.com")
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{answer}, addrs)

	r = New(client, first)
	r.patience = 50 * time.Millisecond
	_, err = r.LookupNetIP(t.Context(), "www.example.com")
	var e *net.DNSError
	require.ErrorAs(t, err, &e)
	require.True(t, e.IsTimeout)
	require.Equal(t, "10.0.0.2:53", e.Server, "who was asked")
	require.Equal(t, "www.example.com", e.Name)
}

func TestThatANameDoesNotExistIsAnAnswer(t *testing.T) {
	client, servers := pair(t)
	n := serve(t, servers, "10.0.0.2", &nameServer{zone: zone})
	other := serve(t, servers, "10.0.0.3", &nameServer{zone: zone})
	_, err := New(client, first, second).LookupHost(t.Context(), "nowhere.example.com")
	var e *net.DNSError
	require.ErrorAs(t, err, &e)
	require.True(t, e.IsNotFound)
	require.Equal(t, net.DNSError{Err: e.Err, Name: "nowhere.example.com", Server: "10.0.0.2:53", IsNotFound: true},
		net.DNSError{Err: e.Err, Name: e.Name, Server: e.Server, IsNotFound: e.IsNotFound})
	require.Len(t, n.questions(), 1)
	require.Empty(t, other.questions())
}

func TestALookupEndsWithItsContext(t *testing.T) {
	client, servers := pair(t)
	_, err := servers.ListenPacket("udp", "10.0.0.2:53")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err = New(client, first, second).LookupNetIP(ctx, "www.example.com")
	require.ErrorIs(t, err, context.Canceled)
	require.Eventually(t, func() bool { return len(client.UDPSockets()) == 0 }, 10*time.Second, time.Millisecond,
		"the question's socket is closed")
}

func TestAnAddressStandsForItself(t *testing.T) {
	client, _ := pair(t)
	addrs, err := New(client).LookupNetIP(t.Context(), "192.0.2.7")
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("192.0.2.7")}, addrs)
	_, err = New(client).LookupNetIP(t.Context(), "www.example.com")
	require.ErrorContains(t, err, "no DNS server is known")
	require.True(t, errors.As(err, new(*net.DNSError)))
}
