// Command sniffer prints every frame that passes a stack's devices, in and out,
// by a tap on its link layer, which is what packet sockets are made of.
//
//	go run ./examples/sniffer
package main

import (
	"fmt"
	"io"
	"log"
	"net/netip"
	"os"
	"time"

	"github.com/slankdev/ministack"
	"github.com/slankdev/ministack/arp"
	"github.com/slankdev/ministack/clock"
	"github.com/slankdev/ministack/examples/internal/lan"
	"github.com/slankdev/ministack/ipv4"
	"github.com/slankdev/ministack/link"
	"github.com/slankdev/ministack/netdev"
	"github.com/slankdev/ministack/skb"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run shows what a ping is on the wire: ARP finds the neighbour, then the echo
// goes there and back.
func run(out io.Writer) error {
	clk := clock.NewVirtual() // time passes only while somebody waits: each run is the same
	client, server, err := lan.New(ministack.Config{Clock: clk})
	if err != nil {
		return err
	}
	defer client.Close()
	defer server.Close()
	clk.Run(time.Millisecond) // the stacks have announced their addresses

	tap := &link.Tap{Deliver: func(d *netdev.Device, b *skb.Buffer) {
		fmt.Fprintln(out, d.Name, describe(b))
		b.Consume() // a buffer that is not dropped is consumed, once
	}}
	client.Link().AddTap(tap)
	defer client.Link().RemoveTap(tap)
	return ping(client)
}

// ping sends one echo request and waits for the reply.
func ping(s *ministack.Stack) error {
	p, err := s.ListenPing(netip.Addr{})
	if err != nil {
		return err
	}
	defer p.Close()
	echo := []byte{8, 0, 0, 0, 0, 0, 0, 1}
	if _, err := p.WriteToAddr(echo, lan.Server); err != nil {
		return err
	}
	_, err = p.Read(echo)
	return err
}

// describe reads the headers of a frame, whose data begins behind its Ethernet
// header. Each header is a view of bytes that is checked once.
func describe(b *skb.Buffer) string {
	way := "in "
	if b.Type == skb.PacketOutgoing {
		way = "out"
	}
	switch b.EtherType {
	case link.TypeARP:
		if h := arp.Header(b.Data()); h.Valid() {
			if h.Op() == arp.OpRequest {
				return fmt.Sprintf("%s ARP who has %v? tell %v", way, h.TargetIP(), h.SenderIP())
			}
			return fmt.Sprintf("%s ARP %v is at %v", way, h.SenderIP(), h.SenderMAC())
		}
	case link.TypeIPv4:
		if h := ipv4.Header(b.Data()); h.Valid() {
			return fmt.Sprintf("%s IP %v > %v protocol %d, %d bytes", way, h.Src(), h.Dst(), h.Proto(), h.Total())
		}
	}
	return fmt.Sprintf("%s EtherType %#04x, %d bytes", way, b.EtherType, b.Len())
}
