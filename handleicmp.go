package ministack

import "github.com/slankdev/ministack/icmp"

// ICMPMessage is an ICMP message as HandleICMP's function sees it: a copy, which
// it may keep.
type ICMPMessage = icmp.Message

// ICMPVerdict is what HandleICMP's function decides.
type ICMPVerdict = icmp.Verdict

// Verdicts on an ICMP message.
const (
	// ICMPPass has the stack deal with it: an echo request is answered.
	ICMPPass = icmp.Pass
	// ICMPVeto drops it.
	ICMPVeto = icmp.Veto
	// ICMPTake leaves it to the program, which may Reply to an echo request
	// when it knows that the real host answered one.
	ICMPTake = icmp.Take
)

// HandleICMP has f decide on each ICMP message that the stack receives, before
// the stack does. f runs in the receive path and must not block; nil has the
// stack decide alone again. With SetPromiscuousMode messages to any address are
// asked about.
func (s *Stack) HandleICMP(f func(*ICMPMessage) ICMPVerdict) { s.icmp.Hook(f) }
