package drill

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Scripts set their host up with shell commands. There is no shell here: the
// commands that the public suites use are mapped onto the stack's settings,
// counters and device, and any other is an error that names it.

// command runs the text between backquotes.
func (p *player) command(e *Event, k *Command) error {
	ok, err := p.shell(e, k.Text, 0)
	if err == nil && !ok {
		return p.fail(e, "the command failed")
	}
	return err
}

// shell runs a list of commands, and reports whether the last one succeeded.
func (p *player) shell(e *Event, text string, depth int) (ok bool, err error) {
	ok = true
	for _, line := range splitShell(text) {
		if line.after == "&&" && !ok || line.after == "||" && ok {
			continue
		}
		if ok, err = p.pipeline(e, line.text, depth); err != nil {
			return false, err
		}
	}
	return ok, nil
}

// shellLine is one command with what joins it to the one before.
type shellLine struct{ text, after string }

// splitShell splits at line ends, ;, && and ||, outside quotes, and takes
// comments away.
func splitShell(text string) []shellLine {
	text = strings.ReplaceAll(text, "\\\n", " ")
	var lines []shellLine
	from, after := 0, ";"
	cut := func(i int, sep string) {
		if s := strings.TrimSpace(text[from:i]); s != "" && s[0] != '#' {
			lines = append(lines, shellLine{s, after})
		}
		from, after = i+len(sep), sep
	}
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || text[i-1] <= ' '):
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 {
				end = len(text) - i
			}
			text = text[:i] + text[i+end:]
			i--
		case c == '\n' || c == ';':
			cut(i, text[i:i+1])
		case strings.HasPrefix(text[i:], "&&"), strings.HasPrefix(text[i:], "||"):
			cut(i, text[i:i+2])
			i++
		}
	}
	cut(len(text), "")
	return lines
}

// pipeline runs commands joined by |; each gets what the one before printed.
func (p *player) pipeline(e *Event, text string, depth int) (bool, error) {
	input, ok := "", true
	for _, part := range splitPipe(text) {
		words, err := p.words(e, part)
		if err != nil {
			return false, err
		}
		if len(words) == 0 {
			continue
		}
		c := &shellCommand{player: p, event: e, words: words, input: input, depth: depth}
		if input, ok, err = c.run(); err != nil {
			return false, err
		}
	}
	return ok, nil
}

func splitPipe(text string) []string {
	var parts []string
	quote, from := byte(0), 0
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '|':
			parts = append(parts, text[from:i])
			from = i + 1
		}
	}
	return append(parts, text[from:])
}

// words splits a command at blanks outside quotes, evaluates $((...)) and
// leaves redirections away.
func (p *player) words(e *Event, text string) ([]string, error) {
	var words []string
	var w strings.Builder
	inWord, quote := false, byte(0)
	flush := func() {
		if inWord {
			words = append(words, w.String())
		}
		w.Reset()
		inWord = false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case strings.HasPrefix(text[i:], "$((") && quote != '\'':
			end := strings.Index(text[i:], "))")
			if end < 0 {
				return nil, &SyntaxError{e.Pos, "$(( without an end"}
			}
			v, err := arithmetic(text[i+3 : i+end])
			if err != nil {
				return nil, &SyntaxError{e.Pos, err.Error()}
			}
			w.WriteString(strconv.FormatInt(v, 10))
			inWord = true
			i += end + 1
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && c <= ' ':
			flush()
		default:
			w.WriteByte(c)
			inWord = true
		}
	}
	flush()
	return withoutRedirections(words), nil
}

// withoutRedirections leaves away > file, 2>/dev/null and 2>&1, but not the
// file of echo, which is a setting.
func withoutRedirections(words []string) []string {
	var kept []string
	for i := 0; i < len(words); i++ {
		w := words[i]
		digit := strings.TrimLeft(w, "0123456789&")
		switch {
		case !strings.HasPrefix(digit, ">") || strings.Contains(strings.Join(words, " "), "/proc/sys/"):
			kept = append(kept, w)
		case digit == ">" || digit == ">>":
			i++
		}
	}
	return kept
}

// arithmetic is * and + on numbers.
func arithmetic(text string) (int64, error) {
	sum := int64(0)
	for _, term := range strings.Split(text, "+") {
		product := int64(1)
		for _, f := range strings.Split(term, "*") {
			v, err := strconv.ParseInt(strings.TrimSpace(f), 0, 64)
			if err != nil {
				return 0, fmt.Errorf("%q is no arithmetic that is known", text)
			}
			product *= v
		}
		sum += product
	}
	return sum, nil
}

// maxDepth bounds scripts that call scripts.
const maxDepth = 4

// include runs a shell script that stands in the script's folder, or in one of
// those above it.
func (c *shellCommand) include(name string) (string, bool, error) {
	if c.depth >= maxDepth {
		return "", false, &SyntaxError{c.event.Pos, name + " calls itself"}
	}
	text, ok := c.find(name)
	switch {
	case ok:
	case strings.HasSuffix(name, "common/defaults.sh"):
		text = defaultProfile + "\nsysctl -q net.ipv4.tcp_fastopen=0x70403 net.ipv4.tcp_syn_linear_timeouts=0"
	case filepath.Base(name) == "defaults.sh":
		text = defaultProfile
	default:
		return c.unknown()
	}
	good, err := c.shell(c.event, text, c.depth+1)
	return "", good, err
}

// find looks for a file where the script says, and, for one beside the script,
// in the folders above it: suites are often unpacked into folders of topics. A
// file in "common" belongs to its suite alone.
func (c *shellCommand) find(name string) (string, bool) {
	dir := filepath.Dir(c.script.Path)
	if text, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
		return string(text), true
	}
	if strings.Contains(name, "common/") {
		return "", false
	}
	for range 8 {
		if text, err := os.ReadFile(filepath.Join(dir, filepath.Base(name))); err == nil {
			return string(text), true
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return "", false
}

// defaultProfile is the set-up that the suites share, where a script asks for
// it and it is not at hand. The suite with the folder "common" has every
// listener open fast, and SYNs back off from the first on.
const defaultProfile = `
ip tcp_metrics flush all
sysctl -q net.ipv4.tcp_rmem="4096 540000 15728640"
sysctl -q net.ipv4.tcp_wmem="4096 262144 4194304"
sysctl -q net.ipv4.tcp_timestamps=1 net.ipv4.tcp_sack=1 net.ipv4.tcp_dsack=1 net.ipv4.tcp_frto=2
sysctl -q net.ipv4.tcp_syn_retries=5 net.ipv4.tcp_synack_retries=5 net.ipv4.tcp_reordering=3
sysctl -q net.ipv4.tcp_congestion_control=cubic net.ipv4.tcp_slow_start_after_idle=0
sysctl -q net.ipv4.tcp_early_retrans=4 net.ipv4.tcp_recovery=1 net.ipv4.tcp_ecn=0
sysctl -q net.ipv4.tcp_pacing_ss_ratio=200 net.ipv4.tcp_pacing_ca_ratio=120
sysctl -q net.ipv4.tcp_notsent_lowat=4294967295 net.ipv4.tcp_syncookies=1
sysctl -q net.ipv4.tcp_fastopen=0x3 net.ipv4.tcp_fastopen_key=a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4
`
