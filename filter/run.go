package filter

import (
	"encoding/binary"

	"golang.org/x/net/bpf"

	"github.com/slankdev/ministack/skb"
)

// machine is what a running program has.
type machine struct {
	b    *skb.Buffer
	head []byte // the linear part of b, in which most reads end
	a, x uint32
	mem  [memWords]uint32
}

// Run returns how many bytes from the front of the packet's data the program
// wants to keep, 0 for none: the packet is refused.
func (p *Program) Run(b *skb.Buffer) uint32 {
	m := machine{b: b, head: b.Data()}
	for pc := 0; ; pc++ {
		i, ok := &p.code[pc], true
		switch i.Op & maskClass {
		case classLd:
			ok = m.load(p, i)
		case classLdx:
			ok = m.loadX(i)
		case classSt:
			m.mem[i.K] = m.a
		case classStx:
			m.mem[i.K] = m.x
		case classAlu:
			ok = m.compute(i)
		case classJmp:
			pc += m.jump(i)
		case classRet:
			if i.Op == opRetA {
				return m.a
			}
			return i.K
		case classMisc:
			if i.Op == opTax {
				m.x = m.a
			} else {
				m.a = m.x
			}
		}
		if !ok {
			return 0
		}
	}
}

// load sets A. It reports false where there is nothing to read.
func (m *machine) load(p *Program, i *bpf.RawInstruction) (ok bool) {
	ok = true
	switch i.Op {
	case opLdImm:
		m.a = i.K
	case opLdMem:
		m.a = m.mem[i.K]
	case opLdLen:
		m.a = uint32(m.b.Len())
	case opLdExt:
		m.a = m.extension(i.K, p.rand)
	case opLdW, opLdH, opLdB:
		m.a, ok = m.read(int32(i.K), i.Op&maskSize)
	default:
		m.a, ok = m.read(int32(i.K+m.x), i.Op&maskSize)
	}
	return ok
}

// loadX sets X.
func (m *machine) loadX(i *bpf.RawInstruction) (ok bool) {
	ok = true
	switch i.Op {
	case opLdxImm:
		m.x = i.K
	case opLdxMem:
		m.x = m.mem[i.K]
	case opLdxLen:
		m.x = uint32(m.b.Len())
	default:
		var v uint32
		v, ok = m.read(int32(i.K), opLdB&maskSize)
		m.x = v & 0xf * 4
	}
	return ok
}

// read returns a word, half word or byte of the packet.
func (m *machine) read(off int32, size uint16) (uint32, bool) {
	n := 4
	switch size {
	case opLdH & maskSize:
		n = 2
	case opLdB & maskSize:
		n = 1
	}
	if off >= 0 && int(off)+n <= len(m.head) {
		return number(m.head[off : int(off)+n]), true
	}
	return m.readFar(off, n)
}

// readFar reads where the linear part does not reach, or a header.
func (m *machine) readFar(off int32, n int) (uint32, bool) {
	if off < 0 {
		p := m.header(off, n)
		return number(p), p != nil
	}
	var p [4]byte
	if m.b.CopyOut(int(off), p[:n]) < n {
		return 0, false
	}
	return number(p[:n]), true
}

// Where negative offsets begin.
const (
	extension     = -0x1000
	networkHeader = -0x100000
	linkHeader    = -0x200000
)

// header returns n bytes at an offset from the network or the link header, nil
// where they are not there (bpf_internal_load_pointer_neg_helper).
func (m *machine) header(off int32, n int) []byte {
	var p []byte
	switch {
	case off >= networkHeader:
		p, off = m.b.Network(), off-networkHeader
	case off >= linkHeader:
		p, off = m.b.Link(), off-linkHeader
	default:
		return nil
	}
	if int(off)+n > len(p) {
		return nil
	}
	return p[off : int(off)+n]
}

func number(p []byte) uint32 {
	switch len(p) {
	case 1:
		return uint32(p[0])
	case 2:
		return uint32(binary.BigEndian.Uint16(p))
	case 4:
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

// compute does arithmetic on A. It reports false for a division by zero.
func (m *machine) compute(i *bpf.RawInstruction) bool {
	v := m.operand(i)
	switch i.Op & maskOp {
	case opAdd:
		m.a += v
	case opSub:
		m.a -= v
	case opMul:
		m.a *= v
	case opDiv, opMod:
		return m.divide(i.Op&maskOp, v)
	case opOr:
		m.a |= v
	case opAnd:
		m.a &= v
	case opLsh:
		m.a <<= v & 31 // as the kernel's machine
	case opRsh:
		m.a >>= v & 31
	case opNeg:
		m.a = -m.a
	case opXor:
		m.a ^= v
	}
	return true
}

func (m *machine) divide(op uint16, v uint32) bool {
	switch {
	case v == 0:
		return false
	case op == opDiv:
		m.a /= v
	default:
		m.a %= v
	}
	return true
}

// operand is X or the instruction's constant.
func (m *machine) operand(i *bpf.RawInstruction) uint32 {
	if i.Op&operandIsX != 0 {
		return m.x
	}
	return i.K
}

// jump returns how many instructions to skip.
func (m *machine) jump(i *bpf.RawInstruction) int {
	v, is := m.operand(i), false
	switch i.Op & maskOp {
	case jmpAlways:
		return int(i.K)
	case jmpEq:
		is = m.a == v
	case jmpGt:
		is = m.a > v
	case jmpGe:
		is = m.a >= v
	case jmpSet:
		is = m.a&v != 0
	}
	if is {
		return int(i.Jt)
	}
	return int(i.Jf)
}
