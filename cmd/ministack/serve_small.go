package main

import (
	"io"
	"net"
)

// The small services: echo (RFC 862), discard (RFC 863), chargen (RFC 864).

var streamServices = map[string]func(net.Conn){
	"echo":    func(c net.Conn) { _, _ = io.Copy(c, c) }, // the end of the connection ends it, whatever it is
	"discard": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	"chargen": chargen,
}

// datagramServices answer one datagram with another, nil for none.
var datagramServices = map[string]func([]byte) []byte{
	"echo":    func(p []byte) []byte { return p },
	"discard": func([]byte) []byte { return nil },
	"chargen": func([]byte) []byte { return pattern(0) },
}

const (
	lineWidth  = 72
	firstPrint = ' '
	numPrints  = 95
)

// chargen writes until the peer has enough: all the lines that there are, many
// at a time.
func chargen(c net.Conn) {
	go func() { _, _ = io.Copy(io.Discard, c) }() // what the user types is thrown away
	var lines []byte
	for line := range 8 * numPrints {
		lines = append(lines, pattern(line)...)
	}
	for {
		if _, err := c.Write(lines); err != nil {
			return
		}
	}
}

// pattern is a line of 72 printing characters; each line begins one further.
func pattern(line int) []byte {
	p := make([]byte, lineWidth, lineWidth+2)
	for i := range p {
		p[i] = byte(firstPrint + (line+i)%numPrints)
	}
	return append(p, '\r', '\n')
}
