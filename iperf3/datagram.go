package iperf3

import (
	"encoding/binary"
	"math"
	"time"
)

// What a datagram begins with: seconds and microseconds of the sender's clock,
// and its number from 1, in four bytes or in eight.
const (
	header32 = 12
	header64 = 16
)

func putHeader(p []byte, wide bool, now time.Duration, number int64) {
	binary.BigEndian.PutUint32(p, uint32(now/time.Second))
	binary.BigEndian.PutUint32(p[4:], uint32(now%time.Second/time.Microsecond))
	if wide {
		binary.BigEndian.PutUint64(p[8:], uint64(number))
		return
	}
	binary.BigEndian.PutUint32(p[8:], uint32(number))
}

// header reads a datagram; ok is false for one that is none of a test.
func header(p []byte, wide bool) (sent time.Duration, number int64, ok bool) {
	if len(p) < header32 || wide && len(p) < header64 {
		return 0, 0, false
	}
	sent = time.Duration(binary.BigEndian.Uint32(p))*time.Second + time.Duration(binary.BigEndian.Uint32(p[4:]))*time.Microsecond
	if !wide {
		return sent, int64(binary.BigEndian.Uint32(p[8:])), true
	}
	n := binary.BigEndian.Uint64(p[8:])
	return sent, int64(n), n <= math.MaxInt64
}

// greetings are what a client's first datagram may say, and the answers: a
// number in its own order of bytes. Clients before 3.10 say others.
var greetings = [...]struct{ hello, answer [4]byte }{
	{number(0x36373839, binary.LittleEndian), number(0x39383736, binary.LittleEndian)},
	{number(0x36373839, binary.BigEndian), number(0x39383736, binary.BigEndian)},
	{number(123456789, binary.LittleEndian), number(987654321, binary.LittleEndian)},
	{number(123456789, binary.BigEndian), number(987654321, binary.BigEndian)},
}

func number(n uint32, order binary.ByteOrder) (p [4]byte) {
	order.PutUint32(p[:], n)
	return p
}

// answerTo returns what to say to a first datagram, nil if it is none.
func answerTo(p []byte) []byte {
	for i := range greetings {
		if string(p) == string(greetings[i].hello[:]) {
			return greetings[i].answer[:]
		}
	}
	return nil
}
