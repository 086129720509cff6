package control

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/slankdev/ministack/socket"
)

// Message is what a socket's send and receive calls carry: a datagram with its
// address.
type Message struct {
	Addr netip.AddrPort  `json:"addr,omitzero"` // to, or from
	Link socket.LinkAddr `json:"link,omitzero"` // the same of packet sockets
	Len  int             `json:"len,omitempty"` // on the wire, if more than Data
	Wall time.Time       `json:"wall,omitzero"` // when it came
	Data []byte          `json:"-"`
}

// A message frame is two octets for the length of what JSON says of the
// message, that, and the data as they are.

func (m *Message) encode() ([]byte, error) {
	head, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	p := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(head)+len(m.Data)), uint16(len(head)))
	return append(append(p, head...), m.Data...), nil
}

// decodeMessage reads a frame; Data stays in p.
func decodeMessage(p []byte) (*Message, error) {
	m := &Message{}
	if len(p) < 2 || len(p)-2 < int(binary.BigEndian.Uint16(p)) {
		return nil, fmt.Errorf("a message of %d bytes is cut short", len(p))
	}
	n := 2 + int(binary.BigEndian.Uint16(p))
	m.Data = p[n:]
	return m, json.Unmarshal(p[2:n], m)
}
