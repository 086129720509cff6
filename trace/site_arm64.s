#include "textflag.h"

// func callerPC() uintptr
// The frame pointer is that of the caller; the word above it is where the
// caller returns to.
TEXT ·callerPC(SB), NOSPLIT|NOFRAME, $0-8
	MOVD 8(R29), R0
	MOVD R0, ret+0(FP)
	RET
