// Package filter runs the filters of sockets (SO_ATTACH_FILTER; Linux's
// net/core/filter.c): programs of classic BPF, as tcpdump -ddd prints them and
// golang.org/x/net/bpf assembles them, that say of each packet how many of its
// bytes the socket wants.
//
// A program is a list of instructions for a machine with an accumulator A, an
// index register X and sixteen words of memory. It can only jump forward, so it
// ends; New sees to it that it cannot jump, read memory or divide where it may
// not, so that Run has nothing to check but the packet's length. Reading past
// the end of the packet ends the program with the verdict 0.
//
// Offsets that are negative, as int32, mean other things than the packet's
// bytes: from -0x1000 on what is known beside them (Linux's SKF_AD_*), from
// -0x100000 on the network header (SKF_NET_OFF), from -0x200000 on the link
// header (SKF_LL_OFF).
package filter

import (
	"syscall"

	"golang.org/x/net/bpf"
)

// MaxInstructions is the most that a program may have (BPF_MAXINSNS).
const MaxInstructions = 4096

// memWords is the size of the machine's memory (BPF_MEMWORDS).
const memWords = 16

// Program is a filter that was found to be sound.
type Program struct {
	code []bpf.RawInstruction
	rand func() uint32
}

// New checks a program (bpf_check_classic). rand is what the extension
// SKF_AD_RANDOM reads. Error: EINVAL for what is no program, and for the
// extensions that are not had: those of netlink, queues, hashes, CPUs and
// payload offsets.
func New(code []bpf.RawInstruction, rand func() uint32) (*Program, error) {
	if len(code) == 0 || len(code) > MaxInstructions {
		return nil, syscall.EINVAL
	}
	p := &Program{code: append([]bpf.RawInstruction(nil), code...), rand: rand}
	for pc := range p.code {
		if !p.sound(pc) {
			return nil, syscall.EINVAL
		}
	}
	if p.code[len(code)-1].Op&maskClass != classRet || !p.memoryIsWritten() {
		return nil, syscall.EINVAL
	}
	return p, nil
}

// sound checks one instruction, and gives those that read an extension a code
// of their own.
func (p *Program) sound(pc int) bool {
	i, left := &p.code[pc], len(p.code)-pc-1 // left: instructions behind it
	if i.Op > 0xff || !known[i.Op] {
		return false
	}
	switch i.Op {
	case opDivK, opModK:
		return i.K != 0
	case opLshK, opRshK:
		return i.K < 32
	case opLdMem, opLdxMem, opSt, opStx:
		return i.K < memWords
	case opJa:
		return uint64(i.K) < uint64(left)
	case opLdW, opLdH, opLdB:
		return i.K < 1<<32+extension || extend(i)
	}
	return i.Op&maskClass != classJmp || int(i.Jt) < left && int(i.Jf) < left
}
