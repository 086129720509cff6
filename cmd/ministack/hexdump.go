package main

import (
	"fmt"
	"io"
	"strings"
)

// hexWriter writes what it is given as hexdump -C does, each piece on lines of
// its own, with offsets that go on from one piece to the next.
type hexWriter struct {
	w   io.Writer
	off int
	err error // the output's, for good
}

const hexColumns = 16

func (d *hexWriter) Write(p []byte) (int, error) {
	for i := 0; i < len(p) && d.err == nil; i += hexColumns {
		_, d.err = io.WriteString(d.w, hexLine(d.off+i, p[i:min(i+hexColumns, len(p))]))
	}
	d.off += len(p)
	return len(p), d.err
}

// hexdump writes one packet, from offset 0.
func hexdump(w io.Writer, p []byte) error {
	_, err := (&hexWriter{w: w}).Write(p)
	return err
}

// hexLine is one line: offset, up to 16 octets in two halves, the same as text.
func hexLine(off int, p []byte) string {
	var hex, text strings.Builder
	for i, c := range p {
		if i == hexColumns/2 {
			hex.WriteByte(' ')
		}
		fmt.Fprintf(&hex, " %02x", c)
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		text.WriteByte(c)
	}
	return fmt.Sprintf("%08x %-49s  |%s|\n", off, hex.String(), text.String())
}
