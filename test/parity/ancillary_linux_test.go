package parity

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"github.com/slankdev/ministack/inet"
	"github.com/slankdev/ministack/socket"
	"golang.org/x/sys/unix"
)

// ancillary is a message's control in the kernel's form (cmsg(3)).
func ancillary(c *inet.Control) []byte {
	var oob []byte
	if c.Source.IsValid() || c.Device != 0 {
		info := unix.Inet4Pktinfo{Ifindex: int32(c.Device)}
		if c.Source.IsValid() {
			info.Spec_dst = c.Source.As4()
		}
		oob = append(oob, unix.PktInfo4(&info)...)
	}
	if c.TTL != 0 {
		oob = append(oob, cmsg(unix.SOL_IP, unix.IP_TTL, word(c.TTL))...)
	}
	if c.HasTOS {
		oob = append(oob, cmsg(unix.SOL_IP, unix.IP_TOS, word(c.TOS))...)
	}
	if c.Options != nil {
		oob = append(oob, cmsg(unix.SOL_IP, unix.IP_RETOPTS, c.Options)...)
	}
	if c.SegmentSize != 0 {
		oob = append(oob, cmsg(unix.SOL_UDP, unix.UDP_SEGMENT, binary.NativeEndian.AppendUint16(nil, uint16(c.SegmentSize)))...)
	}
	return oob
}

func word(v int) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(v)) }

func cmsg(level, typ int, data []byte) []byte {
	b := make([]byte, unix.CmsgSpace(len(data)))
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.Level, h.Type = int32(level), int32(typ)
	h.SetLen(unix.CmsgLen(len(data)))
	copy(b[unix.CmsgLen(0):], data)
	return b
}

// told reads the ancillary data of a received message.
func told(m *socket.Message, oob []byte) error {
	m.Ancillary = inet.Ancillary{}
	list, err := unix.ParseSocketControlMessage(oob)
	for _, c := range list {
		switch c.Header.Level {
		case unix.SOL_IP:
			toldByIP(m, int(c.Header.Type), c.Data)
		case unix.SOL_SOCKET:
			toldBySocket(m, int(c.Header.Type), c.Data)
		case unix.SOL_UDP:
			m.SegmentSize = int(binary.NativeEndian.Uint32(c.Data))
		case unix.SOL_PACKET:
			a := (*unix.TpacketAuxdata)(unsafe.Pointer(&c.Data[0]))
			m.Aux = inet.AuxData{Status: a.Status, Len: int(a.Len), SnapLen: int(a.Snaplen), Net: int(a.Net)}
		}
	}
	return err
}

func toldByIP(m *socket.Message, typ int, data []byte) {
	switch typ {
	case unix.IP_PKTINFO:
		i := (*unix.Inet4Pktinfo)(unsafe.Pointer(&data[0]))
		m.To, m.Local, m.IfIndex = netip.AddrFrom4(i.Addr), netip.AddrFrom4(i.Spec_dst), int(i.Ifindex)
	case unix.IP_TTL:
		m.TTL = uint8(binary.NativeEndian.Uint32(data))
	case unix.IP_TOS:
		m.TOS = data[0]
	case unix.IP_RECVOPTS:
		m.Options = append([]byte(nil), data...)
	case unix.IP_RETOPTS:
		m.Reply = append([]byte(nil), data...)
	case unix.IP_RECVERR:
		m.Err = sockError(m, data)
	}
}

func toldBySocket(m *socket.Message, typ int, data []byte) {
	switch typ {
	case unix.SO_TIMESTAMP:
		tv := (*unix.Timeval)(unsafe.Pointer(&data[0]))
		m.Time = time.Unix(tv.Unix())
	case unix.SO_TIMESTAMPNS:
		ts := (*unix.Timespec)(unsafe.Pointer(&data[0]))
		m.Time = time.Unix(ts.Unix())
	case unix.SO_RXQ_OVFL:
		m.Drops = binary.NativeEndian.Uint32(data)
	}
}
