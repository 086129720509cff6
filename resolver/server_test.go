package resolver

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/netdev"
)

// nameServer answers on a stack, at one address, over UDP and TCP.
type nameServer struct {
	t     *testing.T
	zone  map[string]netip.Addr
	rcode dnsmessage.RCode // what it says whatever is asked, if not success
	cut   bool             // answers over UDP are truncated

	mu    sync.Mutex
	asked []string // network and name
}

// pair returns a client's stack, 10.0.0.1, joined to one with the addresses
// 10.0.0.2 and 10.0.0.3.
func pair(t *testing.T) (client, servers *ministack.Stack) {
	a, b := netdev.Pipe(1500)
	return stack(t, a, "10.0.0.1"), stack(t, b, "10.0.0.2", "10.0.0.3")
}

func stack(t *testing.T, d netdev.Driver, addrs ...string) *ministack.Stack {
	s, err := ministack.New(ministack.Config{})
	require.NoError(t, err)
	_, err = s.Attach(d, "eth0")
	require.NoError(t, err)
	for _, a := range addrs {
		require.NoError(t, s.AddAddr("eth0", netip.MustParsePrefix(a+"/24")))
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// serve starts a server.
func serve(t *testing.T, s *ministack.Stack, at string, n *nameServer) *nameServer {
	n.t = t
	p, err := s.ListenPacket("udp", at+":53")
	require.NoError(t, err)
	l, err := s.Listen("tcp", at+":53")
	require.NoError(t, err)
	go n.datagrams(p)
	go n.streams(l)
	return n
}

func (n *nameServer) datagrams(p net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		m, from, err := p.ReadFrom(buf)
		if err != nil {
			return
		}
		if _, err := p.WriteTo(n.answer("udp", buf[:m]), from); err != nil {
			return
		}
	}
}

func (n *nameServer) streams(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go n.stream(c)
	}
}

func (n *nameServer) stream(c net.Conn) {
	defer c.Close()
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return
	}
	question := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, question); err != nil {
		return
	}
	a := n.answer("tcp", question)
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
}

func (n *nameServer) answer(network string, question []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil {
		n.t.Errorf("question: %v", err)
		return nil
	}
	q := m.Questions[0]
	n.mu.Lock()
	n.asked = append(n.asked, network+" "+q.Type.String()+" "+q.Name.String())
	n.mu.Unlock()
	r := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true, RCode: n.rcode},
		Questions: m.Questions}
	a, known := n.zone[q.Name.String()]
	switch {
	case n.rcode != dnsmessage.RCodeSuccess:
	case !known:
		r.RCode = dnsmessage.RCodeNameError
	case n.cut && network == "udp":
		r.Truncated = true
	default:
		r.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60},
			Body: &dnsmessage.AResource{A: a.As4()}}}
	}
	b, err := r.Pack()
	if err != nil {
		n.t.Errorf("answer: %v", err)
	}
	return b
}

func (n *nameServer) questions() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.asked...)
}
