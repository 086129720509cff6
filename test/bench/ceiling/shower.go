package ceiling

import (
	"github.com/slankdev/ministack/test/bench/frames"
	"github.com/slankdev/ministack/test/bench/work"
)

const (
	datagramPort = 5009
	datagramSize = 64
)

// shower sends the same datagram without end.
func shower(d *frames.Device, _ *work.Env) work.Part {
	return work.Part{Run: func(*work.Env) error {
		if err := d.Meet(); err != nil {
			return err
		}
		go func() {
			for {
				d.SendDatagram(firstOwn, datagramPort, datagramSize) // and flushes when a batch is full
			}
		}()
		return nil
	}}
}
