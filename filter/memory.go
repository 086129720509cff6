package filter

// memoryIsWritten reports whether every word of memory that the program reads
// was written before, on every way that leads there (check_load_and_stores).
// Since jumps go forward one pass will do: written has, for each instruction,
// the words that all ways to it have written.
func (p *Program) memoryIsWritten() bool {
	const all = 1<<memWords - 1
	written := make([]uint16, len(p.code)+1)
	for pc := range written {
		written[pc] = all // no way leads here yet
	}
	now := uint16(0)
	for pc := range p.code {
		i := &p.code[pc]
		now &= written[pc]
		switch {
		case i.Op == opSt || i.Op == opStx:
			now |= 1 << i.K
		case (i.Op == opLdMem || i.Op == opLdxMem) && now&(1<<i.K) == 0:
			return false
		case i.Op == opJa:
			written[pc+1+int(i.K)] &= now
			now = all
		case i.Op&maskClass == classJmp:
			written[pc+1+int(i.Jt)] &= now
			written[pc+1+int(i.Jf)] &= now
			now = all
		}
	}
	return true
}
