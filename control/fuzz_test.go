package control

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/slankdev/ministack/trace"
)

// What comes by a control socket is read with bounds, whatever it is.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 3, 'a', 'b', 'c', 1, 0, 0, 0, 0})
	f.Add([]byte{0, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{2, 0, 0, 0, 2, '{', '}'})
	f.Fuzz(func(t *testing.T, in []byte) {
		fr := &framed{r: bytes.NewReader(in)}
		buf := make([]byte, maxFrame)
		read := 0
		for {
			kind, p, err := fr.read(buf)
			if err != nil {
				break
			}
			read += 5 + len(p)
			if kind == frameError {
				_ = decodeError(p)
			}
		}
		require.LessOrEqual(t, read, len(in))
	})
}

func FuzzEntryJSON(f *testing.F) {
	f.Add([]byte(`{"time":1,"event":"tcp.rx","packet":17,"args":{"seq":1000,"flags":"[S]"}}`))
	f.Add([]byte(`{"args":[1]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var e trace.Entry
		if json.Unmarshal(in, &e) != nil {
			return
		}
		out, err := json.Marshal(e)
		require.NoError(t, err)
		var again trace.Entry
		require.NoError(t, json.Unmarshal(out, &again))
		require.Equal(t, e, again)
	})
}
