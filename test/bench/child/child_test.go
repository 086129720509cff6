package child

import (
	"encoding/json"
	"testing"
	"time"
)

// tell has a session in this process do what a child would, and returns the
// bytes that the peer and the subject have counted.
func (s *session) tell(t *testing.T, command string) (peer, sub uint64) {
	t.Helper()
	if err := s.command([]byte(command)); err != nil {
		t.Fatal(err)
	}
	sides := s.snapshot().Sides
	return sides[0].Bytes, sides[1].Bytes
}

func TestBytesFlowThroughAPipe(t *testing.T) {
	for _, link := range []string{"pipe", "pipe-gso"} {
		for _, name := range []string{"ministack", "gvisor", "ceiling"} {
			t.Run(link+" "+name, func(t *testing.T) {
				s := new(session)
				cfg, err := json.Marshal(Config{Subject: name, Link: link, Work: "bulk-tx"})
				if err != nil {
					t.Fatal(err)
				}
				s.tell(t, string(cfg))
				defer s.close()
				s.tell(t, "go")
				for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
					peer, sub := s.tell(t, "mark")
					switch {
					case sub != 0:
						t.Fatal("the subject counts what its peer should")
					case peer > 1<<20:
						return
					case time.Now().After(deadline):
						t.Fatalf("%d bytes came", peer)
					}
				}
			})
		}
	}
}

func TestACommandThatIsNoneIsAnError(t *testing.T) {
	for _, line := range []string{"", "stop", `{"Link":"wire"}`, `{"Link":"pipe","Work":"none"}`, `{"Link":"pipe","Work":"bulk-tx","Subject":"nobody"}`} {
		if err := new(session).command([]byte(line)); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
}
