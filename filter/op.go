package filter

// The codes of instructions (bpf_common.h): class, and in it what, how wide or
// with which operand.
const (
	maskClass  = 0x07
	maskSize   = 0x18
	maskMode   = 0xe0
	maskOp     = 0xf0
	operandIsX = 0x08

	classLd   = 0x00
	classLdx  = 0x01
	classSt   = 0x02
	classStx  = 0x03
	classAlu  = 0x04
	classJmp  = 0x05
	classRet  = 0x06
	classMisc = 0x07
)

const (
	opLdImm  = 0x00
	opLdW    = 0x20
	opLdH    = 0x28
	opLdB    = 0x30
	opLdIndW = 0x40
	opLdIndH = 0x48
	opLdIndB = 0x50
	opLdMem  = 0x60
	opLdLen  = 0x80
	opLdExt  = 0xc0 // of ours: K says what

	opLdxImm = 0x01
	opLdxMem = 0x61
	opLdxLen = 0x81
	opLdxMsh = 0xb1 // X = 4*(byte & 15): the length of an IP header

	opSt  = 0x02
	opStx = 0x03

	opAdd  = 0x00
	opSub  = 0x10
	opMul  = 0x20
	opDiv  = 0x30
	opOr   = 0x40
	opAnd  = 0x50
	opLsh  = 0x60
	opRsh  = 0x70
	opNeg  = 0x80
	opMod  = 0x90
	opXor  = 0xa0
	opDivK = classAlu | opDiv
	opModK = classAlu | opMod
	opLshK = classAlu | opLsh
	opRshK = classAlu | opRsh

	jmpAlways = 0x00
	jmpEq     = 0x10
	jmpGt     = 0x20
	jmpGe     = 0x30
	jmpSet    = 0x40
	opJa      = classJmp | jmpAlways

	opRetK = 0x06
	opRetA = 0x16
	opTax  = 0x07
	opTxa  = 0x87
)

// known are the codes that there are (chk_code_allowed).
var known = func() (ok [256]bool) {
	for _, op := range []int{
		opLdImm, opLdW, opLdH, opLdB, opLdIndW, opLdIndH, opLdIndB, opLdMem, opLdLen,
		opLdxImm, opLdxMem, opLdxLen, opLdxMsh, opSt, opStx,
		classAlu | opNeg, opJa, opRetK, opRetA, opTax, opTxa,
	} {
		ok[op] = true
	}
	for _, op := range []int{opAdd, opSub, opMul, opDiv, opOr, opAnd, opLsh, opRsh, opMod, opXor} {
		ok[classAlu|op], ok[classAlu|op|operandIsX] = true, true
	}
	for _, op := range []int{jmpEq, jmpGt, jmpGe, jmpSet} {
		ok[classJmp|op], ok[classJmp|op|operandIsX] = true, true
	}
	return ok
}()
