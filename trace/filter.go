package trace

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/slankdev/ministack/skb"
)

// The language of filters is tcpdump's (pcap-filter(7)) for packets: host, net,
// port, portrange, proto, src, dst, ip, ip6, arp, rarp, tcp, udp, icmp, icmp6,
// igmp, and, or, not and parentheses, with the same verdicts and the same
// refusals. Beside them stand words for events, joined by "and" or by nothing:
//
//	ev=tcp.rtx,drop   these events, or all of a layer: ev=tcp
//	sock=7            what concerns the socket #7
//	why=rto           what happened for that reason: a drop's, a
//	                  retransmission's, a verdict's

// Filter is a parsed expression.
type Filter struct {
	Packet func(*skb.Buffer) bool // nil: every packet
	Events []Event                // none: every event
	Sock   uint32                 // 0: every socket
	Why    string                 // "": every reason
}

// FilterError says what is wrong with an expression, and where.
type FilterError struct {
	Expr string
	At   int // column, from 1
	What string
}

func (e *FilterError) Error() string {
	return fmt.Sprintf("filter %q, column %d: %s", e.Expr, e.At, e.What)
}

// maxFilter bounds an expression's length in bytes.
const maxFilter = 4096

// ParseFilter understands an expression; the empty one passes everything.
// Errors are of type *FilterError.
func ParseFilter(expr string) (f *Filter, err error) {
	p := &parser{expr: expr}
	defer func() {
		if e, ok := recover().(*FilterError); ok {
			f, err = nil, e
		}
	}()
	if len(expr) > maxFilter {
		p.fail(maxFilter, "longer than "+strconv.Itoa(maxFilter)+" bytes")
	}
	p.lex()
	f = &Filter{}
	p.takeEventWords(f)
	if len(p.tokens) > 1 {
		e := p.whole()
		f.Packet = func(b *skb.Buffer) bool {
			b.MayPull(min(b.Len(), pullLen))
			return e(b)
		}
	}
	return f, nil
}

// pullLen is what the tests read of a frame: the link header, the longest IPv4
// header and the ports.
const pullLen = 14 + 60 + 4

// takeEventWords takes the event words out of the tokens, and the "and" that
// joined them.
func (p *parser) takeEventWords(f *Filter) {
	var kept []token
	depth := 0
	for i := 0; i < len(p.tokens); i++ {
		t := p.tokens[i]
		switch t.text {
		case "(":
			depth++
		case ")":
			depth--
		}
		name, value, isEvent := strings.Cut(t.text, "=")
		if !isEvent {
			kept = append(kept, t)
			continue
		}
		p.eventWord(f, t, name, value)
		switch last := lastText(kept); {
		case depth > 0 || last == "or" || last == "not" || p.tokens[i+1].text == "or":
			p.fail(t.at, t.text+" can only be joined by and")
		case last == "and":
			kept = kept[:len(kept)-1]
		case len(kept) == 0 && p.tokens[i+1].text == "and":
			i++
		}
	}
	p.tokens = kept
}

func lastText(tokens []token) string {
	if len(tokens) == 0 {
		return ""
	}
	return tokens[len(tokens)-1].text
}

func (p *parser) eventWord(f *Filter, t token, name, value string) {
	switch name {
	case "ev":
		for _, s := range strings.Split(value, ",") {
			f.Events = append(f.Events, p.events(t, s)...)
		}
	case "sock":
		n, err := strconv.ParseUint(strings.TrimPrefix(value, "#"), 10, 32)
		if err != nil || n == 0 {
			p.fail(t.at, fmt.Sprintf("%q is not a socket's number", value))
		}
		f.Sock = uint32(n)
	case "why":
		if value == "" {
			p.fail(t.at, "why= needs a reason, such as why=rto")
		}
		f.Why = value
	default:
		p.fail(t.at, fmt.Sprintf("%q is not a word of filters; those with = are ev=, sock= and why=", name))
	}
}

// events finds an event by name, "tcp.rtx", or all of a layer, "tcp".
func (p *parser) events(t token, name string) []Event {
	if name == "drop" {
		name = StackDrop.String()
	}
	var found []Event
	for ev := range NumEvents {
		if ev.String() == name || ev.Describe().Layer.String() == name {
			found = append(found, ev)
		}
	}
	if len(found) == 0 {
		p.fail(t.at, fmt.Sprintf("no event and no layer is called %q", name))
	}
	return found
}

// Watch is what to start a Tracer with for the filter.
func (f *Filter) Watch() Watch { return Watch{Events: f.Events, Filter: f.Packet} }
