// Package iperf3 is a server for iperf3's clients on a stack's own sockets: what
// a host measures with "iperf3 -c" is this stack.
//
// There is no specification; what follows was read off the wire between clients
// and servers of version 3.12. A client opens a control connection and names
// itself by a cookie of 37 bytes. The two then tell each other single bytes, the
// states, and JSON behind its length in four bytes:
//
//	client                                server
//	cookie                      ->
//	                            <-        ParamExchange
//	parameters, JSON            ->
//	                            <-        CreateStreams
//	data connections, each begins with the cookie;
//	for UDP a datagram with a magic word, which is answered
//	                            <-        TestStart
//	                            <-        TestRunning
//	data, in one or both directions; the client keeps the time
//	TestEnd                     ->
//	                            <-        ExchangeResults
//	its results, JSON           ->
//	                            <-        our results, JSON
//	                            <-        DisplayResults
//	IperfDone                   ->
//
// Data has no form over TCP. Over UDP each datagram begins with the time of its
// sending and a number that counts from 1, from which the receiver tells what was
// lost, what came late, and by how much the delay varied (jitter).
//
// Streams are numbered 1, 3, 4, 5 and so on, in the order in which they were
// opened: results name them so. With two directions at once the client opens
// first those on which it sends.
//
// A server runs one test at a time; who comes meanwhile is told AccessDenied.
package iperf3
