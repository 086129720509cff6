package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/slankdev/ministack/checksum"
)

// Clients on sockets of the kernel, for hosts without ping or curl.

// kernelPing sends echo requests by a raw socket of the kernel.
func kernelPing(out io.Writer, to netip.Addr, count int) error {
	conn, err := net.DialIP("ip4:icmp", nil, &net.IPAddr{IP: to.AsSlice()})
	if err != nil {
		return err
	}
	defer conn.Close()
	for seq := 1; seq <= count; seq++ {
		began := time.Now()
		if _, err := conn.Write(echoRequest(uint16(seq))); err != nil {
			return err
		}
		if err := conn.SetReadDeadline(began.Add(5 * time.Second)); err != nil {
			return err
		}
		n, err := awaitReply(conn, uint16(seq))
		if err != nil {
			return fmt.Errorf("no reply from %s: %w", to, err)
		}
		fmt.Fprintf(out, "%d bytes from %s: icmp_seq=%d time=%s ms\n", n, to, seq, milliseconds(time.Since(began)))
	}
	return nil
}

const demoPingID = 0x6d73

func echoRequest(seq uint16) []byte {
	m := make([]byte, 64)
	m[0] = 8
	binary.BigEndian.PutUint16(m[4:], demoPingID)
	binary.BigEndian.PutUint16(m[6:], seq)
	binary.BigEndian.PutUint16(m[2:], checksum.Finish(checksum.Sum(0, m)))
	return m
}

func awaitReply(conn *net.IPConn, seq uint16) (int, error) {
	buf := make([]byte, 1500)
	for {
		n, _, err := conn.ReadFromIP(buf) // which takes the IP header off
		if err != nil {
			return 0, err
		}
		if m := buf[:n]; n >= 8 && m[0] == 0 && binary.BigEndian.Uint16(m[4:]) == demoPingID && binary.BigEndian.Uint16(m[6:]) == seq {
			return n, nil
		}
	}
}

func kernelGet(url string) (string, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
