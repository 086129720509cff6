package wire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const mb = 1 << 20

// noise returns n bytes that do not repeat, and their hash.
func noise(n int, seed int64) ([]byte, string) {
	p := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(p)
	return p, digest(p)
}

func digest(p []byte) string {
	h := sha256.Sum256(p)
	return hex.EncodeToString(h[:])
}

// serve answers GET with data and POST with the hash of what came.
func (w *wire) serve(l net.Listener, data []byte) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", fmt.Sprint(len(data)))
		_, _ = rw.Write(data)
	})
	mux.HandleFunc("POST /", func(rw http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		if _, err := io.Copy(h, r.Body); err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(rw, hex.EncodeToString(h.Sum(nil)))
	})
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(l) }()
	w.t.Cleanup(func() { _ = srv.Close() })
}

// curlBothWays downloads and uploads data with curl and compares hashes.
func (w *wire) curlBothWays(data []byte, sum string, limit time.Duration) {
	w.serve(w.listen(80), data)
	dir := w.t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	require.NoError(w.t, os.WriteFile(in, data, 0o600))
	began := time.Now()
	w.must(limit, "curl", "-sS", "-o", out, "http://"+stackIP+"/")
	down := time.Since(began)
	got, err := os.ReadFile(out)
	require.NoError(w.t, err)
	require.Equal(w.t, sum, digest(got), "download")
	began = time.Now()
	answer := w.must(limit, "curl", "-sS", "-H", "Expect:", "--data-binary", "@"+in, "http://"+stackIP+"/")
	require.Equal(w.t, sum, answer, "upload")
	w.t.Logf("%d MB: down %v, up %v", len(data)/mb, down, time.Since(began))
}

func TestCurl100MBEachWay(t *testing.T) {
	need(t, "curl")
	data, sum := noise(100*mb, 1)
	onEveryLink(t, func(w *wire) { w.curlBothWays(data, sum, time.Minute) })
}

func TestSixtyFourTransfersAtOnce(t *testing.T) {
	need(t, "curl")
	data, sum := noise(2*mb, 3)
	onEveryLink(t, func(w *wire) {
		w.serve(w.listen(80), data)
		var all sync.WaitGroup
		for i := range 64 {
			all.Go(func() {
				if i%2 == 0 {
					out, err := w.run(time.Minute, "curl", "-sS", "http://"+stackIP+"/")
					if err != nil || digest([]byte(out)) != sum {
						w.t.Errorf("download %d: %v, %d bytes", i, err, len(out))
					}
					return
				}
				resp, err := http.Post("http://"+stackIP+"/", "application/octet-stream", bytes.NewReader(data))
				if err != nil {
					w.t.Errorf("upload %d: %v", i, err)
					return
				}
				defer resp.Body.Close()
				if answer, _ := io.ReadAll(resp.Body); string(answer) != sum {
					w.t.Errorf("upload %d: %s", i, answer)
				}
			})
		}
		all.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
}

// The stack as the client: net/http over its DialContext, against a server on
// the kernel's sockets.
func TestTheStackFetchesFromTheKernel(t *testing.T) {
	data, sum := noise(20*mb, 4)
	onEveryLink(t, func(w *wire) {
		l, err := net.Listen("tcp", hostIP+":0")
		require.NoError(w.t, err)
		w.serve(l, data)
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return w.stack.DialContext(ctx, network, addr)
		}}}
		defer client.CloseIdleConnections()
		resp, err := client.Get("http://" + l.Addr().String() + "/")
		require.NoError(w.t, err)
		got, err := io.ReadAll(resp.Body)
		require.NoError(w.t, err)
		require.NoError(w.t, resp.Body.Close())
		require.Equal(w.t, sum, digest(got))
		resp, err = client.Post("http://"+l.Addr().String()+"/", "application/octet-stream", bytes.NewReader(data))
		require.NoError(w.t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(w.t, err)
		require.NoError(w.t, resp.Body.Close())
		require.Equal(w.t, sum, string(answer))
	})
}
