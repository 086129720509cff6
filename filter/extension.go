package filter

import "golang.org/x/net/bpf"

// What a program can read of a packet beside its bytes (SKF_AD_*).
const (
	extProtocol  = 0  // EtherType
	extPktType   = 4  // whom the frame was for, as packet(7)
	extIfIndex   = 8  // of the device that it came in by, or leaves by
	extMark      = 20 // 0: there are no marks
	extXorX      = 40 // A ^ X, from before there was an instruction
	extVLANTag   = 44 // 0, like the next: tags are left in the frame
	extVLANThere = 48
	extRandom    = 56
	extVLANProto = 60
)

// extend makes the instruction one that reads an extension. It reports false
// for one that is not had: nothing may be silently wrong.
func extend(i *bpf.RawInstruction) bool {
	switch ext := i.K - (1<<32 + extension); ext {
	case extProtocol, extPktType, extIfIndex, extMark, extXorX, extVLANTag, extVLANThere, extRandom, extVLANProto:
		i.Op, i.K = opLdExt, ext
		return true
	}
	return false
}

func (m *machine) extension(ext uint32, rand func() uint32) uint32 {
	switch ext {
	case extProtocol:
		return uint32(m.b.EtherType)
	case extPktType:
		return uint32(m.b.Type)
	case extIfIndex:
		return uint32(m.b.IfIndex)
	case extXorX:
		return m.a ^ m.x
	case extRandom:
		return rand()
	}
	return 0
}
