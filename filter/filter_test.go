package filter

import (
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"

	"github.com/slankdev/ministack/skb"
)

func packet(data ...byte) *skb.Buffer {
	b := skb.NewPool(nil).New(len(data))
	b.Append(data)
	return b
}

func seven() uint32 { return 7 }

// run returns the verdict on a packet.
func run(t *testing.T, b *skb.Buffer, code ...bpf.RawInstruction) uint32 {
	t.Helper()
	p, err := New(code, seven)
	require.NoError(t, err)
	return p.Run(b)
}

func op(code uint16, k uint32) bpf.RawInstruction { return bpf.RawInstruction{Op: code, K: k} }

func ext(n uint32) uint32 { return 1<<32 + extension + n }

var retA = op(opRetA, 0)

func TestWhatIsNoProgramIsRefused(t *testing.T) {
	for why, code := range map[string][]bpf.RawInstruction{
		"nothing":                    {},
		"too much":                   make([]bpf.RawInstruction, MaxInstructions+1),
		"no return at the end":       {op(opLdImm, 1)},
		"an unknown code":            {op(0x0e, 0), retA},
		"a code of two bytes":        {op(0x120, 0), retA},
		"the code of ours":           {op(opLdExt, 0), retA},
		"division by the constant 0": {op(opDivK, 0), retA},
		"remainder by 0":             {op(opModK, 0), retA},
		"a shift by 32":              {op(opLshK, 32), retA},
		"memory word 16":             {op(opSt, 16), retA},
		"a jump past the end":        {op(opJa, 1), retA},
		"the furthest jump":          {op(opJa, 1<<32-1), retA},
		"a condition past the end":   {{Op: classJmp | jmpEq, Jt: 1}, retA},
		"its other way":              {{Op: classJmp | jmpEq, Jf: 1}, retA},
		"memory that is not written": {op(opLdMem, 3), retA},
		"memory written on one way":  {{Op: classJmp | jmpEq, Jt: 1}, op(opSt, 3), op(opLdMem, 3), retA},
		"the extension of CPUs":      {op(opLdW, ext(36)), retA},
		"an extension between":       {op(opLdW, ext(1)), retA},
	} {
		_, err := New(code, seven)
		require.Equal(t, syscall.EINVAL, err, why)
	}
}

func TestMemoryWrittenOnEveryWayMayBeRead(t *testing.T) {
	v := run(t, packet(1), op(opLdImm, 5), bpf.RawInstruction{Op: classJmp | jmpEq, K: 5, Jt: 1}, op(opSt, 3), op(opSt, 3), op(opLdMem, 3), retA)
	require.EqualValues(t, 5, v)
}

func TestReadsStopAtTheEndOfThePacket(t *testing.T) {
	b := packet(0x45, 2, 3, 4, 5)
	for code, want := range map[bpf.RawInstruction]uint32{
		op(opLdW, 0): 0x45020304, op(opLdW, 1): 0x02030405, op(opLdW, 2): 0,
		op(opLdH, 3): 0x0405, op(opLdH, 4): 0, op(opLdB, 4): 5, op(opLdB, 5): 0,
		op(opLdB, 1<<31): 0, op(opLdLen, 0): 5,
	} {
		require.Equal(t, want, run(t, b, code, retA), "%+v", code)
	}
	require.EqualValues(t, 20, run(t, b, op(opLdxMsh, 0), op(opTxa, 0), retA))
	require.EqualValues(t, 0, run(t, b, op(opLdxMsh, 5), op(opRetK, 9)), "the program ends there")
	require.EqualValues(t, 3, run(t, b, op(opLdxImm, 1<<32-1), op(opLdIndB, 3), retA), "offsets wrap")
}

func TestPacketsInPiecesReadLikeWholeOnes(t *testing.T) {
	pool := skb.NewPool(nil)
	b, rest := pool.New(3), pool.New(5)
	b.Append([]byte{1, 2, 3})
	rest.Append([]byte{4, 5, 6, 7, 8})
	require.True(t, b.Take(rest))
	require.EqualValues(t, 0x02030405, run(t, b, op(opLdW, 1), retA))
	require.EqualValues(t, 8, run(t, b, op(opLdB, 7), retA))
	require.EqualValues(t, 0, run(t, b, op(opLdW, 5), retA))
	require.EqualValues(t, 8, run(t, b, op(opLdLen, 0), retA))
}

func TestNegativeOffsetsReadHeaders(t *testing.T) {
	b := packet(1, 2, 3, 4, 5, 6)
	net, link := int32(networkHeader), int32(linkHeader)
	require.EqualValues(t, 0, run(t, b, op(opLdB, uint32(net)), retA), "not marked")
	b.SetLink()
	b.Pull(2)
	b.SetNetwork()
	b.Pull(2)
	require.EqualValues(t, 5, run(t, b, op(opLdB, 0), retA))
	require.EqualValues(t, 3, run(t, b, op(opLdB, uint32(net)), retA))
	require.EqualValues(t, 4, run(t, b, op(opLdB, uint32(net+1)), retA))
	require.EqualValues(t, 1, run(t, b, op(opLdB, uint32(link)), retA))
	require.EqualValues(t, 0, run(t, b, op(opLdB, uint32(link+6)), retA))
	require.EqualValues(t, 0, run(t, b, op(opLdB, uint32(link-1)), retA))
}

func TestExtensionsTellWhatIsKnownBesideTheBytes(t *testing.T) {
	b := packet(1)
	b.EtherType, b.Type, b.IfIndex = 0x0806, skb.PacketOutgoing, 3
	for e, want := range map[uint32]uint32{extProtocol: 0x0806, extPktType: 4, extIfIndex: 3, extMark: 0, extRandom: 7,
		extVLANTag: 0, extVLANThere: 0, extVLANProto: 0} {
		for _, width := range []uint16{opLdW, opLdH, opLdB} {
			require.Equal(t, want, run(t, b, op(opLdImm, 99), op(width, ext(e)), retA), "extension %d", e)
		}
	}
	require.EqualValues(t, 6, run(t, b, op(opLdImm, 5), op(opLdxImm, 3), op(opLdW, ext(extXorX)), retA))
}

func TestArithmetic(t *testing.T) {
	for code, want := range map[uint16]uint32{
		opAdd: 23, opSub: 17, opMul: 60, opDiv: 6, opMod: 2, opOr: 23, opAnd: 0, opXor: 23, opLsh: 160, opRsh: 2,
		opNeg: 1<<32 - 20,
	} {
		require.Equal(t, want, run(t, packet(1), op(opLdImm, 20), op(classAlu|code, 3), retA), "%#x", code)
		if code != opNeg {
			require.Equal(t, want, run(t, packet(1), op(opLdImm, 20), op(opLdxImm, 3), op(classAlu|code|operandIsX, 0), retA), "%#x", code)
		}
	}
	require.EqualValues(t, 0, run(t, packet(1), op(classAlu|opDiv|operandIsX, 0), op(opRetK, 1)), "by X, which is 0")
	require.EqualValues(t, 8, run(t, packet(1), op(opLdImm, 4), op(opLdxImm, 33), op(classAlu|opLsh|operandIsX, 0), retA), "by 33 is by 1")
}

// random makes a program that is sound more often than not, for n packets'
// bytes.
func random(r *rand.Rand, n int) []bpf.RawInstruction {
	var codes []uint16
	for op, ok := range known {
		if ok {
			codes = append(codes, uint16(op))
		}
	}
	code := make([]bpf.RawInstruction, 1+r.IntN(20))
	for pc := range code {
		i := bpf.RawInstruction{Op: codes[r.IntN(len(codes))], Jt: uint8(r.IntN(4)), Jf: uint8(r.IntN(4)), K: uint32(r.IntN(n))}
		if i.Op == opJa {
			i.K %= 4
		}
		code[pc] = i
	}
	code[len(code)-1] = []bpf.RawInstruction{retA, op(opRetK, 40)}[r.IntN(2)]
	if r.IntN(20) == 0 {
		code[r.IntN(len(code))].Op ^= 1 << r.IntN(9)
	}
	return code
}

// like reports whether the machine of golang.org/x/net/bpf does the same with
// a program: it has other shifts, no negation and no wrapping offsets, and
// loads the length to A alone.
func like(code []bpf.RawInstruction) bool {
	loads, wild := false, false
	for i := range code {
		switch c := &code[i]; c.Op {
		case classAlu | opNeg, classAlu | opLsh | operandIsX, classAlu | opRsh | operandIsX, opLdxLen:
			return false
		case opLdIndW, opLdIndH, opLdIndB:
			loads = true
		case opTax, opLdxMem:
			wild = true
		case opLdxImm:
			wild = wild || c.K > 1<<16
		case opLdW, opLdH, opLdB, opLdxMsh:
			if c.K > 1<<16 {
				return false
			}
		}
	}
	return !loads || !wild
}

// compare runs a program on both machines.
func compare(t *testing.T, code []bpf.RawInstruction, data []byte) bool {
	p, err := New(code, seven)
	if err != nil {
		return false
	}
	got := p.Run(packet(data...))
	if !like(code) {
		return false
	}
	var list []bpf.Instruction
	for _, c := range code {
		list = append(list, c.Disassemble())
	}
	vm, err := bpf.NewVM(list)
	require.NoError(t, err, "%+v", code)
	want, err := vm.Run(data)
	require.NoError(t, err)
	require.EqualValues(t, uint32(want), got, "%+v on % x", code, data)
	return true
}

func TestAnotherMachineComesToTheSameVerdict(t *testing.T) {
	r, compared := rand.New(rand.NewPCG(1, 2)), 0
	for range 20_000 {
		data := make([]byte, 1+r.IntN(60))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		if compare(t, random(r, 70), data) {
			compared++
		}
	}
	require.Greater(t, compared, 500)
}

// FuzzProgram runs whatever is found sound over any packet: it ends, and where
// another machine means the same by it the verdicts agree.
func FuzzProgram(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		f.Add(encode(random(r, 30)), []byte{0x45, 0, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	}
	f.Fuzz(func(t *testing.T, program, data []byte) {
		compare(t, decode(program), data)
	})
}

func encode(code []bpf.RawInstruction) []byte {
	var p []byte
	for _, c := range code {
		p = append(p, byte(c.Op>>8), byte(c.Op), c.Jt, c.Jf, byte(c.K>>24), byte(c.K>>16), byte(c.K>>8), byte(c.K))
	}
	return p
}

func decode(p []byte) []bpf.RawInstruction {
	var code []bpf.RawInstruction
	for ; len(p) >= 8; p = p[8:] {
		code = append(code, bpf.RawInstruction{Op: uint16(p[0])<<8 | uint16(p[1]), Jt: p[2], Jf: p[3],
			K: uint32(p[4])<<24 | uint32(p[5])<<16 | uint32(p[6])<<8 | uint32(p[7])})
	}
	return code
}

func TestAFilterAllocatesNothing(t *testing.T) {
	p, err := New([]bpf.RawInstruction{op(opLdW, 0), op(opLdH, 12), op(opLdIndB, 60), op(opRetK, 1)}, seven)
	require.NoError(t, err)
	b := packet(make([]byte, 64)...)
	require.Zero(t, testing.AllocsPerRun(100, func() { p.Run(b) }))
}

func BenchmarkRun(b *testing.B) {
	code := []bpf.RawInstruction{op(opLdH, 12), {Op: classJmp | jmpEq, K: 0x800, Jf: 3}, op(opLdB, 23),
		{Op: classJmp | jmpEq, K: 6, Jf: 1}, op(opRetK, 96), op(opRetK, 0)}
	p, err := New(code, seven)
	require.NoError(b, err)
	frame := packet(make([]byte, 64)...)
	frame.Data()[12], frame.Data()[23] = 8, 6
	for b.Loop() {
		p.Run(frame)
	}
}
