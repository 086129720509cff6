package control

import (
	"fmt"
	"net/http"
	"net/netip"
	"syscall"

	"github.com/slankdev/ministack/socket"
)

// SocketRequest opens a socket of the stack, of any family, that lives as long
// as the client's connection.
type SocketRequest struct {
	Domain   int            `json:"domain"`
	Type     int            `json:"type"`
	Protocol int            `json:"protocol"`
	Device   string         `json:"device,omitempty"` // to be bound to
	Bind     netip.AddrPort `json:"bind,omitzero"`
	Connect  netip.AddrPort `json:"connect,omitzero"`
	Options  []Option       `json:"options,omitempty"`
	Promisc  bool           `json:"promisc,omitempty"` // of packet sockets: Device lets every frame through
	Sender   bool           `json:"sender,omitempty"`  // it sends only: what comes is not passed on
}

// Option is one call of setsockopt.
type Option struct{ Level, Name, Value int }

// Sent is the outcome of one send call.
type Sent struct {
	N   int    `json:"n"`
	Err *Error `json:"error,omitempty"`
}

// session opens a socket and passes its messages both ways.
func (v *Server) session(w http.ResponseWriter, r *http.Request) {
	var q SocketRequest
	if err := read(w, r, &q); err != nil {
		fail(w, err)
		return
	}
	s, err := v.openSocket(&q)
	if err != nil {
		fail(w, err)
		return
	}
	defer s.Close()
	f, done, err := v.upgrade(w)
	if err != nil {
		return
	}
	defer done()
	if f.writeJSON(frameOpened, Opened{}) != nil {
		return
	}
	v.converse(f, s, q.Sender)
}

// openSocket makes the socket that is asked for.
func (v *Server) openSocket(q *SocketRequest) (*socket.Socket, error) {
	s, err := v.stack.Socket(q.Domain, q.Type, q.Protocol)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := v.prepare(s, q); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (v *Server) prepare(s *socket.Socket, q *SocketRequest) error {
	if err := s.Setsockopt(socket.SOL_SOCKET, socket.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("SO_TIMESTAMPNS: %w", err)
	}
	for _, o := range q.Options {
		if err := s.Setsockopt(o.Level, o.Name, o.Value); err != nil {
			return fmt.Errorf("setsockopt level %d option %d: %w", o.Level, o.Name, err)
		}
	}
	if err := v.bindDevice(s, q); err != nil {
		return err
	}
	if q.Bind.IsValid() {
		if err := s.Bind(q.Bind); err != nil {
			return fmt.Errorf("bind %v: %w", q.Bind, err)
		}
	}
	if q.Connect.IsValid() {
		return s.Connect(q.Connect)
	}
	return nil
}

func (v *Server) bindDevice(s *socket.Socket, q *SocketRequest) error {
	if q.Device == "" {
		return nil
	}
	for _, d := range v.stack.Devices() {
		if d.Name == q.Device {
			return bindTo(s, q, d.Index)
		}
	}
	return fmt.Errorf("no device called %q: %w", q.Device, syscall.ENODEV)
}

// bindTo binds the socket to a device: a packet socket by its address, others
// by SO_BINDTODEVICE.
func bindTo(s *socket.Socket, q *SocketRequest, index int) error {
	if q.Domain != socket.AF_PACKET {
		return s.Setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, index)
	}
	if err := s.BindLink(socket.LinkAddr{Protocol: uint16(q.Protocol), IfIndex: index}); err != nil || !q.Promisc {
		return err
	}
	return s.PacketMembership(socket.PACKET_ADD_MEMBERSHIP, socket.PacketMreq{IfIndex: index, Type: socket.PACKET_MR_PROMISC})
}

// converse passes messages until the client has gone.
func (v *Server) converse(f *framed, s *socket.Socket, sender bool) {
	received := make(chan struct{})
	go func() {
		defer close(received)
		if !sender {
			v.receive(f, s)
		}
	}()
	v.sendAll(f, s)
	_ = s.Close() // what wakes the receiver
	<-received
}

// receive tells the client of every message.
func (v *Server) receive(f *framed, s *socket.Socket) {
	buf := make([]byte, maxDatagram)
	for {
		m := socket.Message{Data: buf}
		n, err := s.RecvMsg(&m, 0)
		if err != nil {
			_ = f.writeJSON(frameError, errorOf(err)) // or the client has gone
			if err != syscall.EBADF {
				continue // an ICMP error that the socket learnt of
			}
			return
		}
		out := Message{Addr: m.Addr, Link: m.Link, Len: m.Len, Data: buf[:n], Wall: m.Time}
		if f.writeMessage(&out) != nil {
			return
		}
	}
}

// sendAll sends what the client gives, and says what became of each message.
func (v *Server) sendAll(f *framed, s *socket.Socket) {
	buf := make([]byte, maxFrame)
	for {
		kind, p, err := f.read(buf)
		if err != nil || kind != frameMessage {
			return
		}
		var done Sent
		m, err := decodeMessage(p)
		if err == nil {
			done.N, err = s.SendMsg(&socket.Message{Data: m.Data, Addr: m.Addr, Link: m.Link}, 0)
		}
		if err != nil {
			done.Err = errorOf(err)
		}
		if f.writeJSON(frameSent, done) != nil {
			return
		}
	}
}

func (f *framed) writeMessage(m *Message) error {
	p, err := m.encode()
	if err != nil {
		return err
	}
	return f.write(frameMessage, p)
}
