package cc

// ECNUser is an algorithm that cannot do without ECN: its connections ask for
// it whatever tcp_ecn says (RFC 8257 3).
type ECNUser interface{ NeedsECN() bool }

// MarkReceiver is an algorithm whose receiver's side follows the marks of
// congestion experienced. Marked is told of each data segment's, and returns
// whether it differs from the one before, and whether acknowledgements echo it
// from now on (RFC 8257 3.2).
type MarkReceiver interface {
	Marked(ce bool) (changed, echo bool)
}

// NeedsECN reports whether the algorithm of that name is an ECNUser that says
// so.
func NeedsECN(r *Registry, name string) bool { return r.ecn[name] }
