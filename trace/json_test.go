package trace

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 8259 6, 7, 8.1: what is written here encoding/json reads, and the reverse.
func TestArgumentsInJSONAreThoseOfEncodingJSON(t *testing.T) {
	args := Args{word("plain", "word"), number("n", 42), word("odd", "\"\\/\b\f\n\r\t\x01\u00e9\u20ac\U0001F600"), word("", "")}
	p, err := json.Marshal(args)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(p, &object))
	require.Equal(t, map[string]any{"plain": "word", "n": 42.0, "odd": args[2].Value, "": ""}, object)
	var back Args
	require.NoError(t, json.Unmarshal(p, &back))
	require.Equal(t, args, back)
	var odd Args
	require.NoError(t, json.Unmarshal([]byte(` { "a" : "\u00e9\ud83d\ude00\/" , "b":-7 } `), &odd))
	require.Equal(t, Args{word("a", "\u00e9\U0001F600/"), {"b", "-7", true}}, odd)
	require.NoError(t, json.Unmarshal([]byte(`{}`), &odd))
	require.Empty(t, odd)
}

func TestArgumentsInJSONAreChecked(t *testing.T) {
	for _, bad := range []string{``, `[]`, `{`, `{"a"}`, `{"a":}`, `{"a":-}`, `{"a":"`, `{"a":"\`, `{"a":"\u12"}`, `{"a":"\x"}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a":true}`, `{"a":00}`, `{"a":-}`, `{"a":{}}`, `{"a":"\ud800\u1"}`, "{\"a\":\"\xff\"}"} {
		var a Args
		require.Error(t, a.UnmarshalJSON([]byte(bad)), bad)
	}
}

func FuzzArgumentsInJSON(f *testing.F) {
	f.Add([]byte(`{"a":"b","c":1}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		var a Args
		if a.UnmarshalJSON(p) != nil {
			return
		}
		out, err := json.Marshal(a)
		require.NoError(t, err)
		var b Args
		require.NoError(t, b.UnmarshalJSON(out))
		require.Equal(t, len(a), len(b))
	})
}
