package work

import (
	"encoding/binary"
	"net"
	"time"

	"github.com/slankdev/ministack/test/bench/link"
)

// inPipe makes a reason to skip a work on pipes.
func inPipe(why string) func(link.Spec) string {
	return func(l link.Spec) string {
		if l.Device == link.Pipe {
			return why
		}
		return ""
	}
}

const (
	echoRequest = 8
	echoReply   = 0
)

// pings sends an ICMP echo request (RFC 792) and waits for the reply, again
// and again.
func pings(e *Env) error {
	c, err := net.DialIP("ip4:icmp", nil, &net.IPAddr{IP: net.ParseIP(e.Other)})
	if err != nil {
		return err
	}
	if err := ping(e, c, 0); err != nil {
		return err
	}
	go func() {
		for seq := uint16(1); ; seq++ {
			if ping(e, c, seq) != nil {
				return
			}
		}
	}()
	return nil
}

// ping is one echo. A request that was lost is sent again after a second.
func ping(e *Env, c *net.IPConn, seq uint16) error {
	request, reply := make([]byte, 64), make([]byte, 128)
	request[0] = echoRequest
	binary.BigEndian.PutUint16(request[6:], seq)
	binary.BigEndian.PutUint16(request[2:], internetChecksum(request))
	for begin := time.Now(); ; {
		if _, err := c.Write(request); err != nil {
			return err
		}
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if answered(c, reply, seq) {
			e.Stats.Took(time.Since(begin))
			return nil
		}
		if time.Since(begin) > 5*time.Second {
			return errNoReply
		}
	}
}

// answered reads until the reply comes, or the deadline.
func answered(c *net.IPConn, b []byte, seq uint16) bool {
	for {
		n, _, err := c.ReadFrom(b) // Read would give the IP header as well
		if err != nil {
			return false
		}
		if n >= 8 && b[0] == echoReply && binary.BigEndian.Uint16(b[6:]) == seq {
			return true
		}
	}
}

type noReply struct{}

func (noReply) Error() string { return "no echo reply for 5 s" }

var errNoReply error = noReply{}

func internetChecksum(b []byte) uint16 {
	s := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	s = s>>16 + s&0xffff
	return ^uint16(s>>16 + s)
}
