package inet

// Flags of send(2) and recv(2), with Linux's values.
const (
	MsgOOB      = 0x1
	MsgPeek     = 0x2
	MsgTrunc    = 0x20
	MsgDontWait = 0x40
	MsgWaitAll  = 0x100
	MsgErrQueue = 0x2000
	MsgNoSignal = 0x4000
	MsgMore     = 0x8000
)

// How to shut down, as shutdown(2) has it.
const (
	ShutRead = iota
	ShutWrite
	ShutBoth
)
