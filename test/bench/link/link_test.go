package link

import "testing"

func TestALinkIsItsNameAndItsMTU(t *testing.T) {
	specs, err := Parse("tap,packet-gso/9000")
	if err != nil || len(specs) != 2 {
		t.Fatal(specs, err)
	}
	for i, want := range []string{"tap/1500", "packet-gso/9000"} {
		if got := specs[i].String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if !specs[1].Offload || specs[1].Device != Packet {
		t.Errorf("not what its name says: %+v", specs[1])
	}
	for _, wrong := range []string{"", "tap,", "tap/x", "tap/99999", "wire"} {
		if _, err := Parse(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}
