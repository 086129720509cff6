// Command wireguard fetches a web page through a WireGuard tunnel whose two ends
// are stacks in this process: no interface, no root. The encrypted packets are
// UDP datagrams on the machine's loopback; what is inside never meets the
// kernel.
//
//	go run ./examples/wireguard
//
// The two ends could as well be two machines: give each the other's public key
// and endpoint.
package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"github.com/slankdev/ministack/netstack"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer) error {
	server, err := newEnd("192.168.4.1")
	if err != nil {
		return err
	}
	defer server.dev.Close()
	client, err := newEnd("192.168.4.2")
	if err != nil {
		return err
	}
	defer client.dev.Close()
	if err := server.meet(client, ""); err != nil {
		return err
	}
	port, err := server.port()
	if err != nil {
		return err
	}
	if err := client.meet(server, "127.0.0.1:"+port); err != nil {
		return err
	}

	l, err := server.net.ListenTCPAddrPort(netip.AddrPortFrom(server.addr, 80))
	if err != nil {
		return err
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // until it is closed
			fmt.Fprintf(w, "Hello from the other end of the tunnel, %s\n", strings.Split(r.RemoteAddr, ":")[0])
		}))
	}()
	web := http.Client{Transport: &http.Transport{DialContext: client.net.DialContext}}
	defer web.CloseIdleConnections()
	resp, err := web.Get("http://" + server.addr.String() + "/")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(out, resp.Body)
	return err
}

// end is one end of the tunnel: a stack and the WireGuard device that carries
// its packets.
type end struct {
	addr netip.Addr
	key  *ecdh.PrivateKey
	net  *netstack.Net
	dev  *device.Device
}

func newEnd(addr string) (*end, error) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	e := &end{addr: netip.MustParseAddr(addr), key: key}
	tun, tnet, err := netstack.CreateNetTUN([]netip.Addr{e.addr}, nil, device.DefaultMTU)
	if err != nil {
		return nil, err
	}
	e.net = tnet
	e.dev = device.NewDevice(tun, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, addr+": "))
	return e, nil
}

// meet tells an end of the other, in WireGuard's configuration protocol, and
// brings it up. Without an endpoint it waits for the other to begin.
func (e *end) meet(other *end, endpoint string) error {
	config := "private_key=" + hex.EncodeToString(e.key.Bytes()) +
		"\npublic_key=" + hex.EncodeToString(other.key.PublicKey().Bytes()) +
		"\nallowed_ip=" + other.addr.String() + "/32\n"
	if endpoint != "" {
		config += "endpoint=" + endpoint + "\n"
	}
	if err := e.dev.IpcSet(config); err != nil {
		return err
	}
	return e.dev.Up()
}

// port is the UDP port that an end listens at.
func (e *end) port() (string, error) {
	config, err := e.dev.IpcGet()
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(config, "listen_port=")
	port, _, _ := strings.Cut(rest, "\n")
	return port, nil
}
