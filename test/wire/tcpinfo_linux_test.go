package wire

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/slankdev/ministack/socket"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// talker is a stream that can send and receive.
type talker interface {
	stream
	send(p []byte)
	receive(n int)
	// info returns a member of struct tcp_info.
	info(name string) (int64, bool)
}

func (k kernelStream) send(p []byte) { _, _ = unix.Write(int(k), p) }

func (k kernelStream) receive(n int) {
	for p := make([]byte, n); n > 0; {
		m, err := unix.Read(int(k), p[:n])
		if err != nil || m == 0 {
			return
		}
		n -= m
	}
}

func (k kernelStream) info(name string) (int64, bool) {
	i, err := unix.GetsockoptTCPInfo(int(k), unix.SOL_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, false
	}
	v := reflect.ValueOf(*i).FieldByNameFunc(func(f string) bool { return "tcpi_"+strings.ToLower(f) == name })
	switch {
	case !v.IsValid():
		return 0, false
	case v.CanUint():
		return int64(v.Uint()), true
	}
	return v.Int(), true
}

func (s stackStream) send(p []byte) { _, _ = s.Send(p, 0) }

func (s stackStream) receive(n int) { _, _ = s.Recv(make([]byte, n), socket.MSG_WAITALL) }

func (s stackStream) info(name string) (int64, bool) {
	i := s.Conn().Info()
	return i.Field(name)
}

// sameInfo are the members of struct tcp_info that the same conversation leaves
// the same; the others are times, or follow buffers whose overhead differs.
var sameInfo = strings.Fields(`tcpi_state tcpi_ca_state tcpi_retransmits tcpi_probes tcpi_backoff tcpi_options tcpi_rcv_mss
	tcpi_unacked tcpi_sacked tcpi_lost tcpi_retrans tcpi_fackets tcpi_last_ack_sent tcpi_pmtu tcpi_snd_ssthresh tcpi_advmss
	tcpi_reordering tcpi_total_retrans tcpi_max_pacing_rate tcpi_bytes_acked tcpi_bytes_received tcpi_segs_out tcpi_segs_in
	tcpi_notsent_bytes tcpi_data_segs_in tcpi_data_segs_out tcpi_rwnd_limited tcpi_sndbuf_limited tcpi_delivered
	tcpi_delivered_ce tcpi_bytes_sent tcpi_bytes_retrans tcpi_dsack_dups tcpi_reord_seen tcpi_rcv_ooopack tcpi_total_rto
	tcpi_total_rto_recoveries tcpi_total_rto_time tcpi_received_ce tcpi_received_ce_bytes tcpi_received_e0_bytes tcpi_received_e1_bytes`)

// TCP_INFO of a new connection: the windows and sizes, too, are the kernel's.
func TestInfoOfANewConnectionIsTheKernels(t *testing.T) {
	k, m := bothHosts(t)
	kc, ks := k.connected()
	mc, ms := m.connected()
	fresh := append(strings.Fields(`tcpi_snd_mss tcpi_snd_cwnd tcpi_rcv_ssthresh tcpi_rcv_space tcpi_snd_wnd tcpi_rcv_wnd
		tcpi_rcv_rtt tcpi_delivery_rate tcpi_busy_time`), sameInfo...)
	for side, pair := range map[string][2]stream{"client": {kc, mc}, "server": {ks, ms}} {
		compareInfo(t, side, pair, fresh)
		pair[0].close()
		pair[1].close()
	}
}

func compareInfo(t *testing.T, side string, pair [2]stream, names []string) {
	differ := ""
	same := func() bool {
		differ = ""
		for _, name := range names {
			want, known := pair[0].(talker).info(name)
			got, ok := pair[1].(talker).info(name)
			require.True(t, ok, name)
			if known && want != got {
				differ += fmt.Sprintf(" %s: kernel %d, stack %d;", name, want, got)
			}
		}
		return differ == ""
	}
	for range 100 { // both acknowledge in their own time
		if same() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%s:%s", side, differ)
}

// TCP_INFO after a conversation: what is counted is what the kernel counts.
func TestInfoOfAConversationIsTheKernels(t *testing.T) {
	k, m := bothHosts(t)
	kc, ks := k.connected()
	mc, ms := m.connected()
	for _, p := range [][2]stream{{kc, ks}, {mc, ms}} {
		c, s := p[0].(talker), p[1].(talker)
		for range 3 {
			c.send(make([]byte, 1000))
			s.receive(1000)
			s.send(make([]byte, 500))
			c.receive(500)
		}
	}
	compareInfo(t, "client", [2]stream{kc, mc}, sameInfo)
	compareInfo(t, "server", [2]stream{ks, ms}, sameInfo)
	for _, s := range []stream{kc, ks, mc, ms} {
		s.close()
	}
}
