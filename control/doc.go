// Package control lets other processes look at a running stack and use it:
// HTTP with JSON on a unix socket that only its owner may open. Serve attaches
// it to a stack; a Client is the other end, and offers the stack's network as
// net.Conn and net.Listener. It is a package of its own so that a program that
// embeds a stack does not link net/http.
//
//	GET  /links /routes /neighbours /sockets /sysctl /counters /why /status
//	POST /addr /route /neighbour /sysctl /shutdown    a change
//	POST /ping /trace                                 answers as they come, a JSON value a line
//	POST /dial /listen /accept                        101, then the frames of stream.go
//
// A request that fails is answered by an Error.
package control
