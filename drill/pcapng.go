package drill

import (
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// Pcapng is a file of captured packets.
type Pcapng struct {
	file *os.File
	w    *pcapgo.NgWriter
}

// CreatePcapng creates a capture file of raw IP packets.
func CreatePcapng(path string) (*Pcapng, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w, err := pcapgo.NewNgWriter(f, layers.LinkTypeRaw)
	if err != nil {
		_ = f.Close() // the first error is the one to tell
		return nil, err
	}
	return &Pcapng{f, w}, nil
}

// Write appends a packet.
func (p *Pcapng) Write(at time.Time, packet []byte) error {
	return p.w.WritePacket(gopacket.CaptureInfo{Timestamp: at, CaptureLength: len(packet), Length: len(packet)}, packet)
}

// Close writes out what is buffered.
func (p *Pcapng) Close() error {
	if err := p.w.Flush(); err != nil {
		_ = p.file.Close()
		return err
	}
	return p.file.Close()
}
